"""Worlds whose factors of variation are known: choose them, and the image is drawn.

What the test images were drawn from is not enough for the metrics that hold one factor still: they need new images.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from foundation.data import glyphs, shapes
from paper.data import Data

Factors = dict[str, np.ndarray]
"""One value an image under each factor's name."""
GRID_SCALES = 6
"""Sizes in the dSprites file; ours are drawn from a range."""


@dataclasses.dataclass(frozen=True)
class World:
    """Independent factors, and how an image of them is drawn."""

    label: str
    """The factor that is the class."""
    values: dict[str, tuple[int, ...]]
    """Factors with a few values, all equally likely."""
    ranges: dict[str, tuple[float, float]]
    """Continuous factors, uniform over their range."""
    render: Callable[..., UInt8[np.ndarray, "N H W"]]
    """Draws images; takes one array for each factor, by name."""
    given: tuple[str, ...] = ()
    """Factors that no code is asked for, since the model is told them."""
    note: str | None = None
    """What to know when reading scores."""

    @property
    def names(self) -> tuple[str, ...]:
        """The factors that a code should hold: all that vary and are not given."""
        varying = (*(name for name, values in self.values.items() if len(values) > 1), *self.ranges)
        return tuple(name for name in varying if name not in self.given)

    def draw(self, rng: np.random.Generator, count: int) -> Factors:
        """`count` images' factors, each independent of the others."""
        chosen = {name: rng.choice(np.array(values), count) for name, values in self.values.items()}
        return chosen | {name: rng.uniform(*limits, count) for name, limits in self.ranges.items()}

    def images(self, factors: Factors) -> Float[np.ndarray, "N 1 H W"]:
        """The images, float32 in [0, 1]."""
        return self.render(**factors)[:, None] / np.float32(255)


def world_of(data: Data, given_label: bool = False) -> World | None:
    """The world that a data set shows, in the classes and the size that it has; None where none is known.

    None as well for images out of the dSprites file, which our own drawing of the same factors does not equal.
    `given_label`: the model is told the class.
    """
    labels, size = tuple(data.test.labels.unique().tolist()), data.image_shape[1]
    if data.name == "glyphs":
        values = {"label": labels, "font": tuple(range(len(glyphs.FONTS)))}
        return World("label", values, glyphs.RANGES, glyphs.draw_glyphs, ("label",) if given_label else ())
    if data.name != "shapes" or len(np.unique(data.factors["scale"])) <= GRID_SCALES:
        return None
    return World(
        label="shape",
        values={"shape": labels},
        ranges=shapes.RANGES,
        render=lambda **factors: shapes.draw_shapes(**factors, size=size),
        given=("shape",) if given_label else (),
        note="No code can hold all of orientation: a square looks the same after 90°, an ellipse after 180°.",
    )
