"""Sizes that are guessed for the arguments of a constructor, by whole words of their names."""

import inspect
from pathlib import Path

import pytest

from ladder.doctor.loading import CLASSES, LATENT, guesses, load_file


def first_guess(signature: str) -> dict[str, object]:
    """What a class with these arguments is made with first."""
    namespace: dict[str, type] = {}
    exec(f"class Model:\n    def __init__(self, {signature}): pass\n", namespace)
    return guesses(namespace["Model"])[0]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(
            ("latent_dim", LATENT),
            ("n_latents", LATENT),
            ("latentDim", LATENT),
            ("zdim", LATENT),
            ("code_size", LATENT),
        ),
        *(("n_classes", CLASSES), ("class_size", CLASSES), ("num_labels", CLASSES)),
        *(("in_channels", 1), ("nc", 1), ("n_c", 1)),
        *(("input_dim", 784), ("n_features", 784), ("x_dim", 784), ("img_size", 28), ("height", 28)),
        *(("encoder_dim", 64), ("h_dim1", 64), ("hidden_size", 64), ("hidden_units", 64)),
        *(("hidden_dims", [64]), ("hidden_units: list[int]", [64]), ("hidden_dims: int", 64)),
        *(("latent_dims", LATENT), ("hidden: 'Sequence[int]'", [64])),
    ],
)
def test_an_argument_means_what_its_words_say(argument: str, value: object) -> None:
    assert first_guess(argument) == {argument.partition(":")[0]: value}


def test_a_word_within_another_means_nothing() -> None:
    assert guesses(type("Model", (), {"__init__": lambda self, encoder, unclassified: None})) == []


def test_future_imports_hold_for_every_statement(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text("from __future__ import annotations\ndef f(x: Later) -> Later: ...\n", encoding="utf-8")
    loaded = load_file(file, file, definitions_only=False)
    assert loaded.left_out == []
    assert str(inspect.signature(loaded.namespace["f"])) == "(x: 'Later') -> 'Later'"


def test_definitions_alone_and_the_lines_of_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text('"""Text."""\nx = 1\nprint(x)\nfor x in range(3):\n    pass\n', encoding="utf-8")
    loaded = load_file(file, file, definitions_only=True)
    assert loaded.namespace["x"] == 1
    assert loaded.left_out == ["statements that are no definitions, as the file ran too long: lines 3, 4"]
