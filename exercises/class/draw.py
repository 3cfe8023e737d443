"""Draw the pictures of the slides: PNG files in pictures/, and the numbers that the slides quote in numbers.json.

A picture with words is drawn in Korean as well, in pictures/ko/.

    python -m exercises.class.draw                 all; trains six small models, three minutes on one core
    python -m exercises.class.draw missing kl      or some

Everything comes from one seed. On another machine or NumPy the last digits may differ.
"""

import json
import sys
from pathlib import Path

from figures.style import book_style, save
from foundation.errors import InputError
from foundation.files import write_json

from . import charts, diagrams, planes, tiles
from .words import to_korean

FOLDER = Path(__file__).resolve().parent / "pictures"
NUMBERS = FOLDER / "numbers.json"
PICTURES = {
    function.__name__: function
    for function in (
        tiles.title, tiles.data, diagrams.autoencoder, tiles.causes, planes.integral, planes.guess, planes.bound,
        charts.kl, diagrams.reparameterization, charts.bernoulli, charts.nats, diagrams.network, tiles.draws,
        charts.gradient_error, charts.parity, tiles.samples, tiles.paths, tiles.augment, charts.rate, planes.missing,
        planes.explorer, tiles.beta, charts.anomaly,
    )
}  # fmt: skip
"""The function of each picture, by its name, in the order of the slides."""


def draw(name: str) -> Path:
    """Draw one picture in both languages, write down its numbers, and return the path of the English one."""
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.is_file() else {}
    with book_style():
        picture = PICTURES[name]()
        path = save(picture.figure, FOLDER / f"{name}.png")
        if to_korean(picture.figure):
            save(picture.figure, FOLDER / "ko" / f"{name}.png")
    numbers[name] = picture.numbers
    write_json(NUMBERS, {known: numbers[known] for known in PICTURES if numbers.get(known)})
    return path


def main(names: list[str]) -> None:
    """Draw the pictures that are named, or all."""
    for name in names:
        if name not in PICTURES:
            raise InputError(f"picture: expected one of {', '.join(PICTURES)}, got {name!r}")
    for name in names or PICTURES:
        path = draw(name)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
