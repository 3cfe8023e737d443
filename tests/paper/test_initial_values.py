"""First values of the layers: torch's own, or Glorot's with the outputs at the mean training image."""

import dataclasses
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from foundation.errors import InputError  # noqa: E402
from foundation.options import TrainOptions, check_effect  # noqa: E402
from foundation.rung import Description  # noqa: E402
from ladder.rungs import start_rung  # noqa: E402
from paper import VAE, make  # noqa: E402
from paper.models.options import MODELS, IWAEOptions, VAEOptions, VQVAEOptions  # noqa: E402
from paper.models.registry import LAYERS, load_model, make_model  # noqa: E402
from paper.rung import make_rung  # noqa: E402
from tests.support.small_models import CLASS_COUNT, SHAPE, TINY  # noqa: E402

LIKELIHOODS = ["bernoulli", "gaussian", "gaussian-learned", "gaussian-optimal", "continuous-bernoulli"]
GLOROT = {name: dataclasses.replace(TINY[name], init="glorot") for name in TINY if isinstance(TINY[name], VAEOptions)}


def images(count=50, shape=SHAPE, seed=0):
    """Grey images; the first pixel is black in all, the last one white."""
    x = np.random.default_rng(seed).random((count, *shape)).astype(np.float32) ** 2
    x[..., 0, 0], x[..., -1, -1] = 0, 1
    return x


def layers(model):
    return [module for module in model.modules() if isinstance(module, LAYERS)]


@pytest.mark.parametrize("name", GLOROT)
def test_weights_are_those_of_glorot_and_biases_zero(name):
    model = make_model(GLOROT[name], SHAPE, CLASS_COUNT, 1, images=images())
    last = [module for module in model.decoder.modules() if isinstance(module, LAYERS)][-1]
    for layer in layers(model):
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        bound = math.sqrt(6 / (fan_in + fan_out))
        assert layer.weight.abs().max() <= bound
        if layer.weight.numel() > 200:
            assert layer.weight.abs().max() > 0.95 * bound
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)
        if layer is not last and layer.bias is not None:
            assert (layer.bias == 0).all()
    assert (last.bias != 0).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_outputs_begin_at_the_mean_image(likelihood):
    x = images()
    options = VAEOptions(network="mlp", hidden_dims=(5,), latent_dim=2, likelihood=likelihood, init="glorot")
    model = make_model(options, SHAPE, 0, dtype=torch.float64, images=x)
    mean = torch.from_numpy(x.mean(0, dtype=np.float64)).clamp(0.001, 0.999)
    nothing = torch.zeros(1, 2, dtype=torch.float64)  # z = 0 leaves, behind tanh and ReLU without biases, 0
    torch.testing.assert_close(model.sample(nothing)[0], mean, rtol=1e-9, atol=1e-12)


def test_the_bias_is_that_of_the_papers_code():
    x = images()
    options = IWAEOptions(network="mlp", hidden_dims=(5,), latent_dim=2, init="glorot")
    bias = make_model(options, SHAPE, 0, dtype=torch.float64, images=x).decoder.outputs.bias
    expected = -np.log(1 / np.clip(x.reshape(50, -1).astype(np.float64).mean(0), 0.001, 0.999) - 1)
    np.testing.assert_allclose(bias.detach().numpy(), expected, rtol=1e-12)


def test_a_convolution_begins_at_the_mean_of_each_channel():
    x = images(shape=(3, 8, 8)) * np.float32([1, 0.5, 0.1]).reshape(3, 1, 1)
    options = VAEOptions(channels=(2, 3), hidden_dims=(5,), latent_dim=2, init="glorot")
    model = make_model(options, (3, 8, 8), 0, dtype=torch.float64, images=x)
    found = model.sample(torch.zeros(1, 2, dtype=torch.float64))[0]
    expected = np.broadcast_to(x.mean((0, 2, 3), dtype=np.float64)[:, None, None], (3, 8, 8))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_torchs_own_stay_what_they_were():
    options = TINY["vae"]
    plain, given = (make_model(options, SHAPE, 0, 3, images=some) for some in (None, images()))
    for one, other in zip(plain.parameters(), given.parameters(), strict=True):
        assert torch.equal(one, other)


def test_glorot_needs_the_images():
    options = VAEOptions(init="glorot")
    with pytest.raises(InputError, match=r"^init: glorot begins at the mean of the training images"):
        make_model(options, (1, 28, 28), 0)
    with pytest.raises(InputError, match=r"^images: expected \(N, C, H, W\) with \(1, 28, 28\)"):
        make_model(options, (1, 28, 28), 0, images=images())
    with pytest.raises(InputError, match=r"^init: .*paper.make draws the others"):
        VAE(latent_dim=2, init="glorot")
    assert make("vae", SHAPE, images=images(), init="glorot").options.init == "glorot"


def test_vq_vae_has_no_such_choice():
    assert "init" not in {field.name for field in dataclasses.fields(VQVAEOptions)}
    assert {name for name in MODELS if name not in GLOROT} == {"vq-vae", "codes-prior"}


@pytest.mark.parametrize("rung", ["numpy_impl", "pytorch_lowlevel"])
def test_rungs_1_and_2_refuse_it(rung):
    options = TrainOptions(model=VAEOptions(init="glorot"), rung=rung)
    with pytest.raises(
        InputError, match=rf"^rung {rung}: its first values are torch's own; --init glorot needs --rung"
    ):
        start_rung(options, (1, 28, 28), 0, np.random.default_rng(0))


def test_a_file_of_weights_leaves_nothing_of_it(tmp_path):
    with pytest.raises(
        InputError, match=r"^init: it would have no effect: training starts from the values of --weights"
    ):
        check_effect(TrainOptions(model=VAEOptions(init="glorot"), weights=tmp_path / "weights.safetensors"))
    check_effect(TrainOptions(model=VAEOptions(), weights=tmp_path / "weights.safetensors"))


def test_a_saved_model_says_how_it_began(tmp_path):
    model = make_model(GLOROT["vae"], SHAPE, CLASS_COUNT, images=images())
    model.save(tmp_path / "weights.safetensors")
    again = load_model(tmp_path / "weights.safetensors")
    assert again.options.init == "glorot"
    assert Description.of(model.options, SHAPE, CLASS_COUNT) == Description.of(again.options, SHAPE, CLASS_COUNT)
    x = torch.from_numpy(images(3))
    assert torch.equal(model.encode(x)[0], again.encode(x)[0])


def test_a_rung_of_the_options_is_that_model():
    options = TrainOptions(model=GLOROT["vae"], device="cpu")
    rung = make_rung(options, SHAPE, CLASS_COUNT, np.random.default_rng(5), images())
    model = make_model(GLOROT["vae"], SHAPE, CLASS_COUNT, 5, images=images())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(rung.parameters()[name], value.numpy())
