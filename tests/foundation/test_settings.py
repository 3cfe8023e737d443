"""The settings beside the weights: another training's are named, and what may change is not compared."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import InputError
from foundation.options import DataOptions, KLOptions, TrainOptions
from foundation.settings import FOLDER, KEY, check_settings, settings_of
from paper.models.options import VAEOptions

OPTIONS: TrainOptions = TrainOptions(model=VAEOptions(latent_dim=3), data=DataOptions(name="mnist", labels=(3, 5)))
PATH = Path("weights.safetensors")


def changed(**changes: Any) -> TrainOptions:
    return dataclasses.replace(OPTIONS, **changes)


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS,
        changed(out=Path("elsewhere"), record=Path("record.json"), weights=Path("w"), device="cuda:1", compile=True),
        changed(data=DataOptions(name="mnist", labels=(3, 5), root=Path("moved"))),
    ],
)
def test_places_and_devices_may_change(options: TrainOptions) -> None:
    check_settings(PATH, settings_of(options), OPTIONS)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (changed(seed=1), "trained with seed 1, but config.json says 0"),
        (changed(epochs=3), "trained with epochs 3, but config.json says 10"),
        (changed(model=VAEOptions(latent_dim=3, likelihood="gaussian")), "trained with likelihood gaussian, but"),
        (changed(data=DataOptions(name="mnist", labels=(3, 4))), r"trained with data.labels \[3, 4\], but"),
        (changed(data=DataOptions(name="kmnist", labels=(3, 5))), "trained with data.name kmnist, but"),
        (changed(kl=KLOptions(schedule="linear")), "trained with kl.schedule linear, but"),
        (changed(rung="numpy_impl"), "trained with rung numpy_impl, but"),
        (changed(precision="float64"), "trained with precision float64, but"),
        (changed(z="mu"), "trained with z mu, but"),
    ],
)
def test_the_first_difference_is_named(options: TrainOptions, expected: str) -> None:
    with pytest.raises(InputError, match=f"^weights.safetensors: {expected}"):
        check_settings(PATH, settings_of(options), OPTIONS)


def test_a_folder_of_images_may_be_moved() -> None:
    here, there = (changed(data=DataOptions(name=name)) for name in ("/here/pictures", "/there/flowers"))
    assert json.loads(settings_of(here)[KEY])["data"]["name"] == FOLDER
    check_settings(PATH, settings_of(here), there)
    with pytest.raises(InputError, match=r"trained with data\.name a folder of images, but config\.json says mnist"):
        check_settings(PATH, settings_of(here), changed(data=DataOptions(name="mnist")))


def test_what_only_one_side_has_is_not_compared() -> None:
    """A file of version 0.1 has no settings, and one of a later version may have more."""
    check_settings(PATH, {}, OPTIONS)
    settings = json.loads(settings_of(OPTIONS)[KEY])
    del settings["z"]
    check_settings(PATH, {KEY: json.dumps(settings | {"later": 1})}, OPTIONS)


@pytest.mark.parametrize("text", ["", "[]", "{", "5"])
def test_settings_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"^weights\.safetensors: training: "):
        check_settings(PATH, {KEY: text}, OPTIONS)
