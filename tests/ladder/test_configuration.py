"""Options of a training from files of every kind; the command line wins, and what is wrong is named."""

import json
import tomllib

import pytest
import yaml

from foundation.errors import InputError
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions
from ladder import cli
from ladder.configuration import READERS
from paper.models.options import BetaVAEOptions, VAEOptions
from tests.support.pictures import write_pictures
from tools import CHECKOUT

TEXTS = {
    ".yaml": "model: beta-vae\nbeta: 2\nlatent-dim: 3\nepochs: 4\noptimizer:\n  learning_rate: 2e-3\n"
    "data:\n  labels: [3, 5]\n",
    ".toml": 'model = "beta-vae"\nbeta = 2\nlatent-dim = 3\nepochs = 4\noptimizer.learning_rate = 2e-3\n'
    "[data]\nlabels = [3, 5]\n",
    ".json": '{"model": "beta-vae", "model_options": {"beta": 2, "latent_dim": 3}, "epochs": 4, '
    '"optimizer": {"learning_rate": 2e-3}, "data": {"labels": [3, 5]}}',
}
MEANT = TrainOptions(
    model=BetaVAEOptions(beta=2.0, latent_dim=3),
    epochs=4,
    optimizer=OptimizerOptions(learning_rate=2e-3),
    data=DataOptions(labels=(3, 5)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with 24 small pictures."""
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture
def write(tmp_path):
    """Write a file of options, and get its path."""

    def write(text, ending=".yaml"):
        path = tmp_path / f"options{ending}"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("ending", TEXTS)
def test_every_kind_of_file_says_the_same(write, ending):
    assert cli.parse("train", ["--config", write(TEXTS[ending], ending)]) == MEANT
    assert set(TEXTS) <= set(READERS)


@pytest.mark.parametrize("order", ["beta-vae --config={} --epochs 9", "beta-vae --epochs 9 --config {}"])
def test_the_command_line_wins_wherever_it_names_the_file(write, order):
    options = cli.parse("train", order.format(write(TEXTS[".yaml"])).split())
    assert (options.epochs, options.model.beta, options.optimizer.learning_rate) == (9, 2.0, 2e-3)


def test_an_option_of_a_group_replaces_only_itself(write):
    path = write("model: vae\nkl: {schedule: linear, warmup: 0.5}\n")
    options = cli.parse("train", ["--config", path, "--kl.warmup", "0.75"])
    assert options.kl == KLOptions(schedule="linear", warmup=0.75)


def test_a_model_on_the_command_line_needs_none_in_the_file(write):
    assert cli.parse("train", ["vae", "--config", write("epochs: 2\n")]) == TrainOptions(model=VAEOptions(), epochs=2)


def test_the_config_of_a_run_repeats_it_elsewhere(folder, tmp_path):
    first = f"train vae --rung numpy_impl --latent-dim 3 --epochs 1 --data {folder} --out {tmp_path / 'a'}"
    assert cli.main([*first.split(), "--record", str(tmp_path / "record.json")]) == 0
    (run,) = (tmp_path / "a").iterdir()
    options = cli.parse("train", ["--config", str(run / "config.json")])
    assert (options.model, options.rung, options.epochs) == (VAEOptions(latent_dim=3), "numpy_impl", 1)
    assert (options.out, options.record) == (TrainOptions.out, None), "results go where this command line says"
    assert cli.main(["train", "--config", str(run / "config.json"), "--out", str(tmp_path / "b")]) == 0
    (again,) = (tmp_path / "b").iterdir()
    assert (again / "weights.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()
    assert (again / "test.json").read_text() == (run / "test.json").read_text()


@pytest.mark.parametrize(
    ("text", "ending", "arguments", "words"),
    [
        ("epochs: 2", ".yaml", [], "expected a model on the command line or in the file"),
        ("model: vae", ".yaml", ["cvae"], "expected a file for cvae, got vae"),
        ("model: gan", ".yaml", [], "model: expected one of vae"),
        ("model: [vae]", ".yaml", [], "model: expected one of vae"),
        ("model: vae\nepoch: 2", ".yaml", [], "'epoch': unknown, no option of vae; did you mean epochs?"),
        ("model: vae\nlatnt_dim: 2", ".yaml", [], "'latnt_dim': unknown, no option of vae; did you mean latent_dim?"),
        ("model: vae\nfree_bits: 2", ".yaml", [], "'free_bits': unknown, no option of vae; did you mean kl.free_bits?"),
        ("model: vae\nkl: {warmpu: 1}", ".yaml", [], "; did you mean warmup?"),
        ("model: bta-vae", ".yaml", [], "got 'bta-vae'; did you mean beta-vae?"),
        ("model: vae\nbeta: 2", ".yaml", [], "'beta': unknown"),
        ("model: vae\nepochs: two", ".yaml", [], "epochs"),
        ("model: vae\nepochs: 0", ".yaml", [], "epochs: expected an integer of at least 1"),
        ("model: vae\nmodel_options: 3", ".yaml", [], "model_options"),
        ("- vae", ".yaml", [], "expected options by name"),
        ("model: [", ".yaml", [], "options.yaml"),
        ("model = ", ".toml", [], "options.toml"),
        ('{"model": "vae"', ".json", [], "options.json"),
        ("model: vae", ".ini", [], "expected a file ending in .json"),
        ('{"command": "climb", "options": {"model": {}}}', ".json", [], "expected the config.json of one training"),
        ("model: vae", ".yaml", ["--resume", "runs/x"], "got both"),
        ("model: vae", ".yaml", ["--epochs", "2", "--config", "b.yaml"], "expected one file"),
    ],
)
def test_what_cannot_be_used_is_named(write, text, ending, arguments, words):
    with pytest.raises(InputError) as error:
        cli.parse("train", [*arguments[:1], "--config", write(text, ending), *arguments[1:]])
    assert words in str(error.value)


def test_a_missing_file_ends_in_one_line(tmp_path, capsys):
    assert cli.main(["train", "--config", str(tmp_path / "none.yaml")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No such file" in error
    assert cli.main(["train", "vae", "--config"]) == 2


def test_the_file_that_the_page_shows_can_be_used(write):
    page = (CHECKOUT / "ladder" / "README.md").read_text(encoding="utf-8")
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    options = cli.parse("train", ["--config", write(shown)])
    assert (options.model, options.data.name, options.optimizer.schedule) == (
        BetaVAEOptions(beta=4.0, latent_dim=10),
        "shapes",
        "cosine",
    )


def test_the_readers_are_those_of_the_languages(write):
    assert READERS[".toml"](b"a = 1e-3") == tomllib.loads("a = 1e-3")
    assert READERS[".yml"](b"a: [1, 2]") == yaml.safe_load("a: [1, 2]")
    assert READERS[".json"](b'{"a": null}') == json.loads('{"a": null}')
