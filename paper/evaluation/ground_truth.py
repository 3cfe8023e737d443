"""Ground truth: data whose factors of variation are known, and new images of chosen factors, encoded by a model.

The test images and their factors are not enough for metrics that hold one factor fixed: these need new images.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from foundation.data import glyphs, rooms, shapes
from foundation.data.splits import Data
from foundation.rung import encode_all
from paper.evaluation.bound import is_binary
from paper.models.base import Model

Factors = dict[str, np.ndarray]
"""One value for each image, by the factor's name."""
Codes = Float[np.ndarray, "N Z"]
Representation = Callable[[Factors], Codes]
"""From factors to codes: draws the images, encodes them, and takes mu."""
GRID_SCALES = 6
"""Distinct sizes in the dSprites file; the generator of `shapes` draws them from a range."""


@dataclasses.dataclass(frozen=True)
class GroundTruth:
    """Independent factors of variation, and how an image of them is drawn."""

    label: str
    """The factor that is the class."""
    values: dict[str, tuple[int, ...]]
    """Discrete factors, all values equally likely."""
    ranges: dict[str, tuple[float, float]]
    """Continuous factors, uniform over their range."""
    render: Callable[..., UInt8[np.ndarray, "N H W"] | UInt8[np.ndarray, "N C H W"]]
    """Draws images, with an axis of channels where they have several; takes one array for each factor, by name."""
    given: tuple[str, ...] = ()
    """Factors that the model is given, so that its code need not hold them."""
    note: str | None = None
    """A sentence on how to read the scores."""

    @property
    def names(self) -> tuple[str, ...]:
        """The factors that a code should hold: all that vary and are not given."""
        varying = (*(name for name, values in self.values.items() if len(values) > 1), *self.ranges)
        return tuple(name for name in varying if name not in self.given)

    def draw(self, rng: np.random.Generator, count: int) -> Factors:
        """The factors of `count` images, each independent of the others."""
        chosen = {name: rng.choice(np.array(values), count) for name, values in self.values.items()}
        return chosen | {name: rng.uniform(*limits, count) for name, limits in self.ranges.items()}

    def images(self, factors: Factors) -> Float[np.ndarray, "N C H W"]:
        """The images, float32 in [0, 1]."""
        drawn = self.render(**factors)
        return (drawn if drawn.ndim == 4 else drawn[:, None]) / np.float32(255)


def ground_truth_of(data: Data, given_label: bool = False) -> GroundTruth | None:
    """The ground truth of a data set, with the classes and the image size that it has; None where none is known.

    None as well for images of the dSprites file, since `shapes` draws the same factors differently. `given_label`: the
    model is given the class.
    """
    labels, size = tuple(data.test.labels.unique().tolist()), data.image_shape[1]
    if data.name == "glyphs":
        values = {"label": labels, "font": tuple(range(len(glyphs.FONTS)))}
        return GroundTruth("label", values, glyphs.RANGES, glyphs.draw_glyphs, ("label",) if given_label else ())
    if data.name == "rooms":
        return GroundTruth(
            label="shape",
            values={"shape": labels},
            ranges=rooms.RANGES,
            render=lambda **factors: rooms.draw_rooms(**factors, size=size),
            given=("shape",) if given_label else (),
            note="A hue is a circle, which no single latent can follow all around without a break.",
        )
    if data.name != "shapes" or len(np.unique(data.factors["scale"])) <= GRID_SCALES:
        return None
    return GroundTruth(
        label="shape",
        values={"shape": labels},
        ranges=shapes.RANGES,
        render=lambda **factors: shapes.draw_shapes(**factors, size=size),
        given=("shape",) if given_label else (),
        note="No code can hold all of orientation: a square looks the same after 90°, an ellipse after 180°.",
    )


def representation_of(
    model: Model,
    data: Data,
    truth: GroundTruth,
    kept: Bool[np.ndarray, " Z"],
    seed: int = 0,
    on_images: Callable[[int], None] | None = None,
) -> Representation:
    """Draws images of factors, encodes them with the model, and returns mu of the latents `kept`.

    Keep the active ones: the metrics ignore scale, so they would count the small variation that is left in the mu of a
    collapsed latent, though its noise is far larger. Where the data's pixels are binary, so are these, drawn by the
    seed. `on_images` is called with the number of images after each encoding.
    """
    test = data.test
    pixels = torch.Generator().manual_seed(seed) if is_binary(test.images) else None

    @torch.no_grad()
    def represent(factors: Factors) -> Codes:
        images = torch.from_numpy(truth.images(factors))
        images = images if pixels is None else torch.bernoulli(images, generator=pixels)
        labels = torch.from_numpy(factors[truth.label]).to(test.labels)
        mu, _ = encode_all(model, images.to(test.images), labels, torch.cat)
        if on_images is not None:
            on_images(len(mu))
        return mu.cpu().numpy()[:, kept].astype(np.float64)

    return represent
