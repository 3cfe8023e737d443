"""The prior over the codes of a VQ-VAE: no code sees a later one, all maps together have mass 1, samples follow it."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import OptimizerOptions, TrainOptions  # noqa: E402
from foundation.records import EpochRecord  # noqa: E402
from foundation.training import begin, train  # noqa: E402
from foundation.weights import read_tensors  # noqa: E402
from ladder import cli  # noqa: E402
from paper.models.options import CodesPriorOptions, VAEOptions, VQVAEOptions  # noqa: E402
from paper.models.pixelcnn import CodesPrior, GatedPixelCNN, gate, prior_over  # noqa: E402
from paper.models.registry import initialise, load_model, make_model  # noqa: E402
from paper.rung import ModelRung  # noqa: E402
from tests.support.pictures import write_pictures  # noqa: E402
from tests.support.run_files import own_files  # noqa: E402

K, SIZE = 3, (2, 2)
ALL = torch.tensor(list(itertools.product(range(K), repeat=math.prod(SIZE)))).view(-1, *SIZE)
"""All 81 maps of 2×2 codes of 3 entries."""
SMALL = CodesPriorOptions(codes=5, code_dim=3, channels=(3, 4), prior_channels=6, prior_layers=3)


def network(K=K, channels=5, layers=3, scale=3.0):
    """A network whose outputs differ much from code to code."""
    made = GatedPixelCNN(K, channels, layers).double()
    initialise(made, np.random.default_rng(0))
    for value in made.parameters():
        value.data.mul_(scale)
    return made


# What a code is told.


@pytest.mark.parametrize(("size", "layers"), [((3, 4), 5), ((5, 5), 5)])
def test_every_code_sees_all_codes_before_it_and_no_other(size, layers):
    # By gradients at the embedded codes: exactly zero for the code itself and later ones, and not for earlier ones.
    made = network(channels=32, layers=layers, scale=1)
    places = math.prod(size)
    codes = torch.randint(K, (1, *size), generator=torch.Generator().manual_seed(0))
    embedded = []
    made.embedding.register_forward_hook(lambda _, __, output: embedded.append(output) or output.retain_grad())
    for place in range(places):
        embedded.clear()
        made.zero_grad()
        made(codes).flatten(2)[0, :, place].square().sum().backward()
        seen = embedded[0].grad[0].abs().sum(0).flatten() != 0
        assert seen.tolist() == [other < place for other in range(places)]


def test_the_first_code_is_told_nothing_and_the_second_the_first():
    logits = network()(ALL)
    assert (logits[:, :, 0, 0] == logits[:1, :, 0, 0]).all()
    assert len(logits[:, :, 0, 1].unique(dim=0)) == K
    assert len(logits[:, :, 1, 1].unique(dim=0)) == K**3


def test_the_gate():
    y = torch.tensor([0.5, -1.0, 2.0, 0.0]).view(1, 4, 1, 1)
    expected = [math.tanh(0.5) / (1 + math.exp(-2.0)), math.tanh(-1.0) / 2]
    torch.testing.assert_close(gate(y).flatten(), torch.tensor(expected))


# What it is: a distribution over maps.


def test_all_maps_together_have_mass_1():
    log_p = network().log_prob(ALL)
    assert abs(log_p.exp().sum().item() - 1) < 1e-10
    assert log_p.std() > 0.5, "a distribution that is not flat"


def test_log_prob_is_the_product_over_places():
    made = network()
    logits = made(ALL).log_softmax(1)
    for codes, values, found in zip(ALL, logits, made.log_prob(ALL), strict=True):
        by_hand = sum(values[codes[r, c], r, c] for r in range(2) for c in range(2))
        torch.testing.assert_close(found, by_hand)


def test_samples_have_the_frequencies_of_the_model():
    made, count = network(), 40_000
    eps = torch.randn(count, *SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    drawn = made.draw(eps).flatten(1) @ torch.tensor([27, 9, 3, 1])
    found = torch.bincount(drawn, minlength=len(ALL)).double() / count
    p = made.log_prob(ALL).exp()
    error = (p * (1 - p) / count).sqrt()
    assert ((found - p).abs() < 5 * error).all()
    # The test would see the draws of independent codes.
    marginals = [[p[ALL.flatten(1)[:, place] == k].sum() for k in range(K)] for place in range(4)]
    independent = torch.stack([math.prod(marginals[i][k] for i, k in enumerate(m.flatten().tolist())) for m in ALL])
    assert ((independent - p).abs() > 5 * error).any()


def test_a_code_is_the_inverse_of_the_distribution_function():
    made = network()
    with torch.no_grad():
        for value in made.outputs[-1].parameters():
            value.zero_()
        made.outputs[-1].bias.copy_(torch.tensor([0.2, 0.5, 0.3]).log())
    u = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71, 1.0], dtype=torch.float64)
    codes = made.draw(torch.special.ndtri(u)[:, None, None].expand(-1, *SIZE).clamp(-40, 40))
    assert codes[:, 0, 0].tolist() == codes[:, 1, 1].tolist() == [0, 0, 1, 1, 2, 2]


# The model: a frozen VQ-VAE, and the prior over its codes.


def make_data(count=96, seed=0):
    """8×8 images of two squares of four kinds; which one is at the right depends on the one at the left."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, count)
    levels = np.array([0.05, 0.35, 0.65, 0.95])
    images = np.zeros((count, 1, 8, 8), np.float32)
    images[..., :4] = levels[kind][:, None, None, None]
    images[..., 4:] = levels[(kind + 1) % 4][:, None, None, None]
    images += 0.02 * rng.random(images.shape, dtype=np.float32)
    part = Dataset("squares", "train", images, kind, tuple("0123"))
    return Data("squares", part, part.subset(slice(0, 16)), part.subset(slice(16, 48)))


def trained_vq_vae(data):
    options = TrainOptions(model=VQVAEOptions(codes=8, code_dim=3, channels=(4, 6)), epochs=30, batch_size=16)
    return run_training(options, data).model


def run_training(options, data, model=None, epochs=None):
    """A rung after its training, or after its first epochs."""
    rng = np.random.default_rng(options.seed)
    rung = ModelRung(model or make_model(options.model, data.image_shape, 4, rng), options.optimizer)
    training = begin(rung, data, options, rng)
    for record in train(training):
        if isinstance(record, EpochRecord) and record.epoch == epochs:
            break
    rung.training = training
    return rung


def prior_options(model, epochs=40):
    return TrainOptions(
        model=model.options, epochs=epochs, batch_size=16, optimizer=OptimizerOptions(learning_rate=1e-2), device="cpu"
    )


def test_training_uses_what_codes_have_in_common_and_leaves_the_vq_vae_as_it_is():
    data = make_data()
    vq_vae = trained_vq_vae(data)
    model = prior_over(vq_vae, prior_channels=16, prior_layers=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run_training(prior_options(model), data, model)
    x = torch.from_numpy(data.test.images)
    codes = model.codes(x)
    assert torch.equal(codes, vq_vae.codes(x))
    places = codes.flatten(1)
    p = torch.bincount(places.flatten(), minlength=8) / places.numel()
    frequencies = places.shape[1] * torch.special.entr(p).sum().item()
    loss = -model.network.log_prob(codes).mean().item()
    assert frequencies > 2.5, "several codes are in use"
    # The left square has four kinds, of which nothing is told; all that follows is told by it.
    assert 0.95 * math.log(4) < loss < 0.5 * frequencies
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (not name.startswith("network.")), name


def test_the_parts_of_the_loss():
    model = make_model(SMALL, (2, 8, 12), 0, 0, torch.float64)
    x = torch.rand(3, 2, 8, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    run = model(x, torch.zeros(3, 0, dtype=torch.float64))
    loss = model.loss(run, x, Objective())
    assert loss._fields == ("loss", "reconstruction", "total")
    torch.testing.assert_close(loss.loss, -model.network.log_prob(model.codes(x)).mean())
    torch.testing.assert_close(loss.reconstruction, -model.log_prob(model.decode(model.encode(x)[0]), x).mean())
    torch.testing.assert_close(loss.total, loss.loss + loss.reconstruction)
    assert loss.loss.requires_grad
    assert not loss.reconstruction.requires_grad


def test_a_seed_fixes_the_samples():
    model = make_model(SMALL, (2, 8, 12), 0, 0)
    z = model.draw_latents(6, seed=3)
    assert z.shape == (6, 3, 2, 3)
    assert torch.equal(z, model.draw_latents(6, seed=3))
    assert not torch.equal(z, model.draw_latents(6, seed=4))
    eps = np.random.default_rng(3).standard_normal((6, 2, 3)).astype(np.float32)
    rung = ModelRung(model)
    assert np.array_equal(rung.prior(eps), z.numpy())
    assert np.array_equal(rung.prior(eps[:2]), z[:2].numpy()), "each image has its own noise"
    assert rung.sample(rung.prior(eps)).shape == (6, 2, 8, 12)
    nearest = model.codebook.nearest(z)
    assert torch.equal(model.codebook(nearest), z), "every vector is an entry"
    with pytest.raises(ValueError, match=r"^eps: expected shape \(N, 2, 3\)"):
        rung.prior(np.zeros((6, 3, 2, 3), np.float32))


def test_continued_training_is_the_same_bit_for_bit():
    data = make_data()
    fresh = make_model(VQVAEOptions(codes=8, code_dim=3, channels=(4, 6)), data.image_shape, 4, 0)
    whole = run_training(prior_options(prior_over(fresh), 4), data, prior_over(fresh))
    half = run_training(prior_options(prior_over(fresh), 4), data, prior_over(fresh), epochs=2)
    again = ModelRung(prior_over(fresh), half.training.options.optimizer)
    again.restore(half.parameters(), half.optimizer_state())
    for _ in train(dataclasses.replace(half.training, rung=again)):
        pass
    for name, value in whole.parameters().items():
        assert np.array_equal(value, again.parameters()[name]), name


def test_a_file_holds_the_vq_vae_as_well(tmp_path):
    vq_vae = make_model(VQVAEOptions(codes=5, code_dim=3, channels=(3, 4)), (2, 8, 12), 0, 7)
    model = prior_over(vq_vae, prior_channels=6, prior_layers=2)
    model.save(tmp_path / "prior.safetensors")
    again = load_model(tmp_path / "prior.safetensors")
    assert isinstance(again, CodesPrior)
    assert again.options == model.options
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    x = torch.rand(4, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.reconstruct(x), vq_vae.reconstruct(x))
    assert torch.equal(again.draw_latents(3), model.draw_latents(3))


# The command line.

VQ = "--channels 2 3 --codes 5 --code-dim 3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def vq_vae_file(folder, tmp_path_factory):
    return train_run(f"vq-vae {VQ}", folder, tmp_path_factory.mktemp("vq")) / "weights.safetensors"


def train_run(words, folder, out, epochs=2):
    arguments = f"train {words} --data {folder} --out {out} --epochs {epochs} --batch-size 7 --device cpu".split()
    assert cli.main(arguments) == 0
    return next(out.iterdir())


PRIOR = "codes-prior --prior-channels 4 --prior-layers 2"


def test_train_evaluate_and_draw(vq_vae_file, folder, tmp_path, capsys):
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(vq_vae_file.read_bytes())
    run = train_run(f"{PRIOR} --weights {moved}", folder, tmp_path / "runs")
    moved.unlink()  # the run holds all
    assert {name.partition(".")[0] for name in own_files(run)} >= {"config", "weights", "checkpoint", "test"}
    config = json.loads((run / "config.json").read_text())["options"]["model"]
    assert (config["codes"], config["code_dim"], config["channels"]) == (5, 3, [2, 3])
    vq_vae, prior = (read_tensors(path)[0] for path in (vq_vae_file, run / "weights.safetensors"))
    for name, value in vq_vae.items():
        assert np.array_equal(value, prior[name])
    capsys.readouterr()

    assert cli.main(["evaluate", str(run)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.partition("Length of codes")[2].replace(str(run), "").splitlines())) <= 100
    rows = json.loads((run / "evaluation.json").read_text())["code_lengths"]
    assert [row["prior"] for row in rows] == ["uniform", "frequencies", "PixelCNN"] * (len(rows) // 3)
    model = load_model(run / "weights.safetensors")
    places = math.prod(model.code_shape)
    assert rows[0]["code"] == pytest.approx(places * math.log(5))
    for row in rows:
        assert row["sum"] == pytest.approx(row["code"] + row["reconstruction"])
        assert row["bits"] == pytest.approx([row[name] / math.log(2) for name in ("code", "reconstruction", "sum")])
        assert f"{row['sum']:.2f}" in text
    test = json.loads((run / "test.json").read_text())["sampled"]
    assert (rows[2]["code"], rows[2]["sum"]) == pytest.approx((test["loss"], test["total"]), rel=1e-5)

    assert cli.main(["figures", str(run), "--draw"]) == 0
    assert {path.stem for path in (run / "figures").glob("*.png")} >= {"samples", "samples_drawn", "codes"}
    assert cli.main(["explore", str(run)]) == 0
    assert (run / "explorer.html").is_file()


def test_an_interrupted_training_is_resumed_bit_for_bit(vq_vae_file, folder, tmp_path):
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(vq_vae_file.read_bytes())
    whole = train_run(f"{PRIOR} --weights {moved}", folder, tmp_path / "whole", epochs=3)
    run = train_run(f"{PRIOR} --weights {moved}", folder, tmp_path / "longer", epochs=1)
    moved.unlink()
    assert cli.main(["train", "--resume", str(run), "--epochs", "3"]) == 0
    one, other = (read_tensors(path / "weights.safetensors")[0] for path in (whole, run))
    for name, value in one.items():
        assert np.array_equal(value, other[name])


def test_a_prior_can_start_from_a_prior(vq_vae_file, folder, tmp_path):
    first = train_run(f"{PRIOR} --weights {vq_vae_file}", folder, tmp_path / "a")
    again = train_run(f"{PRIOR} --weights {first / 'weights.safetensors'}", folder, tmp_path / "b")
    before, after = (json.loads((run / "metrics.jsonl").read_text().splitlines()[i]) for run, i in
                     ((first, -1), (again, 0)))  # fmt: skip
    assert before["loss"] == pytest.approx(after["loss"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "weights: expected the weights.safetensors of a trained vq-vae"),
        ("--weights {vae}", "expected the weights of a trained vq-vae, got 'vae'"),
        ("--weights {wide}", "image_shape is (1, 8, 12)"),
        ("--codes 5 --weights {vq}", "unknown option '--codes'"),
        ("--prior-layers 0 --weights {vq}", "prior_layers: expected an integer of at least 1, got 0"),
    ],
)
def test_what_is_no_vq_vae_is_refused(words, said, vq_vae_file, folder, tmp_path, capsys):
    vae = make_model(VAEOptions(network="mlp", hidden_dims=(3,), latent_dim=2), (1, 28, 28), 0)
    wide = make_model(VQVAEOptions(codes=5, code_dim=3, channels=(2, 3)), (1, 8, 12), 0)
    files = {"vq": vq_vae_file, "vae": tmp_path / "vae.safetensors", "wide": tmp_path / "wide.safetensors"}
    vae.save(files["vae"])
    wide.save(files["wide"])
    words = words.format(**files)
    out = tmp_path / "runs"
    assert cli.main(f"train codes-prior {words} --data {folder} --out {out}".split()) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
