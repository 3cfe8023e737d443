"""What a page of the explorer shows of runs, as JSON: their models with the weights, test images and their codes.

    {format, title, runs: [...], training: {count, images, labels}}

Arrays travel as text: float32 or float16, little-endian, or bytes that stand for k / 255. Small ones are base64;
weights, which make the page large, are base85, which is 6 % shorter.
"""

import base64
import dataclasses
import math
from typing import Any

import numpy as np
from jaxtyping import Float

from figures.choices import one_of_each
from foundation.architecture import Parameters
from foundation.data import load
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.latents import ACTIVE, kl_by_latent, principal_plane
from foundation.options import TrainOptions
from foundation.rung import Description, Rung, encode_all
from foundation.runs import Run
from ladder.rungs import MINE, open_rung
from paper.runs import read_options

FORMAT = 1
LARGEST = 48_000_000
"""Bytes that a page may have: browsers open it, but no mail takes it."""
POINTS, NUMBERS = 2000, 200_000
"""Test images on the map, and how many numbers their codes may have."""
IMAGES, PIXELS = 60, 1_000_000
"""Test images to choose from, and how many numbers they may have."""
GLYPHS = 200
"""Images for the training in the page."""
WITHOUT_MARKUP = bytes.maketrans(b"<>&", b",.:")
"""From RFC 1924's letters to those of `weights.js`, which need no escape in HTML and JSON."""
UNUSED = ("codebook.counts", "codebook.sums", "discriminator.", "classifier.")
"""Beginnings of the names of tensors that neither encoding nor decoding reads."""


def make_payload(
    runs: list[tuple[Run, Data[np.ndarray]]], half: bool = False, largest: int = LARGEST
) -> dict[str, Any]:
    """The payload of one page for runs with the data that each was trained on.

    With `half` weights are rounded to float16, and each run says by how much that changes x_hat. Raises `InputError`
    for weights that cannot be used, for a latent diffusion, and for models that make the page larger than `largest`
    bytes.
    """
    shown = []
    for run, data in runs:
        rung = open_rung(run)
        if rung.traits.diffusion:
            raise InputError(f"{run.path}: the page reverses no diffusion; expected the run of the VAE under it")
        check_size(run, rung, half, len(runs), largest)
        shown.append(describe_run(run, rung, data, half))
    title = " · ".join(dict.fromkeys(run["caption"] for run in shown))
    return {"format": FORMAT, "title": title, "runs": shown, "training": training_images()}


def check_size(run: Run, rung: Rung, half: bool, runs: int, largest: int) -> None:
    """Raise `InputError` for a model whose weights, once for each run, would make the page larger than `largest`."""
    numbers = sum(value.size for value in embedded_parameters(rung).values())
    size = numbers * (2 if half else 4) * 5 // 4 * runs
    if size > largest:
        less = "" if half else "; --half makes it half as large"
        page = f"a page of {size / 1e6:,.0f} MB" + (f" for {runs} runs" if runs > 1 else "")
        raise InputError(
            f"{run.path}: {numbers:,} parameters make {page}, expected at most {largest / 1e6:.0f} MB{less}; "
            "or train it with smaller --hidden-dims or --channels"
        )


def describe_run(run: Run, rung: Rung, data: Data[np.ndarray], half: bool) -> dict[str, Any]:
    """One run: the model, its weights, the codes of test images, and images to choose from."""
    options, test = read_options(run), data.test
    parameters = embedded_parameters(rung)
    count = max(1, min(IMAGES, PIXELS // math.prod(data.image_shape)))
    chosen = test.subset(one_of_each(test.labels, count))
    return {
        "name": run.path.name,
        "caption": caption(options, data.name),
        "rung": run.config.get("rung") if run.config.get("mine") is None else MINE,
        "description": dataclasses.asdict(Description.of(options.model, data.image_shape, len(test.classes))),
        "objective": {**dataclasses.asdict(options.model.objective()), "free_bits": options.kl.free_bits},
        "classes": list(test.classes),
        **embedded_weights(run, parameters, half),
        **code_facts(run, rung, test),
        "images": embedded_images(chosen),
        "half_error": half_error(run, rung, chosen) if half else None,
    }


def caption(options: TrainOptions, data: str) -> str:
    """What a run is, in a few words: `beta-vae, β = 4, Z = 10, shapes`."""
    model = options.model
    beta, latents = getattr(model, "beta", None), getattr(model, "latent_dim", None)
    words = [model.model, "" if beta is None else f"β = {beta:g}", "" if latents is None else f"Z = {latents}"]
    name = data.rstrip("/\\").replace("\\", "/").rpartition("/")[2] or data  # of a folder its last part
    return ", ".join(filter(None, [*words, name]))


def embedded_parameters(rung: Rung) -> Parameters:
    """The tensors that encoding and decoding read."""
    return {name: value for name, value in rung.parameters().items() if not name.startswith(UNUSED)}


def embedded_weights(run: Run, parameters: Parameters, half: bool) -> dict[str, Any]:
    """All tensors behind one another, and where each begins."""
    table, offset = [], 0
    for name, value in parameters.items():
        table.append({"name": name, "shape": list(value.shape), "offset": offset})
        offset += value.size
    numbers = np.concatenate([value.ravel() for value in parameters.values()])
    return {
        "parameters": table,
        "dtype": "float16" if half else "float32",
        "weights": base85(rounded(run, numbers) if half else checked(run, float32(numbers))),
    }


def rounded(run: Run, numbers: np.ndarray) -> np.ndarray:
    """Numbers as float16. Raises `InputError` for one that is too large for it."""
    if np.abs(numbers).max() > np.finfo(np.float16).max:
        raise InputError(f"{run.path}: weights up to {np.abs(numbers).max():.3g} do not fit float16; leave out --half")
    return numbers.astype("<f2")


def float32(numbers: np.ndarray) -> np.ndarray:
    """Numbers as the page computes with them; infinity for those that are too large."""
    with np.errstate(over="ignore"):
        return numbers.astype("<f4")


def checked(run: Run, numbers: np.ndarray) -> np.ndarray:
    """The same numbers. Raises `InputError` where one is NaN or infinite, as weights that are too large make it."""
    if not np.isfinite(numbers).all():
        raise InputError(f"{run.path}: its weights or codes hold NaN or infinity in float32, which no page can show")
    return numbers


def half_error(run: Run, rung: Rung, chosen: Dataset[np.ndarray]) -> float:
    """The largest change of x_hat over some test images when weights are rounded to float16."""
    other = open_rung(run)
    exact = rung.parameters()
    other.restore(
        {name: rounded(run, value).astype(value.dtype).reshape(value.shape) for name, value in exact.items()}, {}
    )
    c = rung.condition(chosen.images, chosen.labels)
    return float(np.abs(rung.reconstruct(chosen.images, c) - other.reconstruct(chosen.images, c)).max())


def code_facts(run: Run, rung: Rung, test: Dataset[np.ndarray]) -> dict[str, Any]:
    """The codes of test images, and what each latent is worth; None for latents that are entries of a codebook.

    Where the KL has no closed form, latents have no share of it.

    Raises `InputError` where one is NaN or infinite, as weights that are too large make it.
    """
    if rung.traits.codes:
        return {"codes": None, "kl_per_latent": None, "active": None, "components": None}
    options = rung.description.options
    latent_dim = int(options["latent_dim"]) + int(options.get("top_dim", 0))
    part = test.subset(slice(0, min(POINTS, max(1, NUMBERS // latent_dim))))
    with np.errstate(over="ignore", invalid="ignore"):
        mu, logvar = encode_all(rung, part.images, part.labels)
        has_parts = logvar is not None and rung.traits.closed_kl
        kl = checked(run, kl_by_latent(mu, logvar)) if has_parts else None
    return {
        "codes": {
            "count": len(mu),
            "mu": encoded(checked(run, float32(mu))),
            "logvar": None if logvar is None else encoded(checked(run, float32(logvar))),
            "labels": part.labels.tolist(),
        },
        "kl_per_latent": None if kl is None else kl.tolist(),
        "active": (mu.astype(np.float64).var(axis=0) > ACTIVE).tolist(),
        "components": components(mu.astype(np.float64)) if latent_dim > 2 else None,
    }


def components(mu: Float[np.ndarray, "N Z"]) -> dict[str, Any]:
    """The plane in which the codes vary most: the mean, two principal directions, and their shares of variance."""
    plane = principal_plane(mu)
    return {
        "mean": mu.mean(axis=0).tolist(),
        "directions": plane.directions.tolist(),
        "explained": plane.explained.tolist(),
    }


def embedded_images(part: Dataset[np.ndarray]) -> dict[str, Any]:
    """Images with their labels; as bytes where each pixel is k / 255, else as float32."""
    levels = np.rint(part.images * 255)
    exact = np.array_equal((levels / part.images.dtype.type(255)).astype(np.float32), part.images.astype(np.float32))
    return {
        "shape": list(part.images.shape),
        "dtype": "uint8" if exact else "float32",
        "pixels": encoded(levels.astype(np.uint8) if exact else part.images.astype("<f4")),
        "labels": part.labels.tolist(),
    }


def training_images() -> dict[str, Any]:
    """A few hundred glyphs, as many of each digit, for the training in the page."""
    glyphs = load("glyphs", "train")
    chosen = glyphs.subset(one_of_each(glyphs.labels, GLYPHS))
    return embedded_images(chosen)


def encoded(array: np.ndarray) -> str:
    """The bytes of an array, in the order of its indices, as base64. Raises `ValueError` for NaN and infinity."""
    if array.dtype.kind == "f" and not math.isfinite(float(np.abs(array).max(initial=0))):
        raise ValueError("expected finite numbers")
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def base85(array: np.ndarray) -> str:
    """The bytes of an array as base85, five letters for each four bytes; zeros fill up the last four."""
    content = array.tobytes()
    content += bytes(-len(content) % 4)
    return base64.b85encode(content).translate(WITHOUT_MARKUP).decode()
