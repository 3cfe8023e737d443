"""The conditional VAE: labels, parts of an image, and that they are heeded."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")

from foundation.errors import InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from paper.models.cvae import mask_of, one_hot  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from tests.support.small_models import SHAPE, TINY, N, draw, make  # noqa: E402

D = torch.distributions

PARTS = ["upper-left", "upper-right", "lower-left", "lower-right", "top", "bottom", "left", "right"]


def test_parts_of_an_image():
    masks = {part: mask_of(part, 5, 7) for part in PARTS}
    assert masks["upper-left"].tolist() == [[1] * 3 + [0] * 4] * 2 + [[0] * 7] * 3
    assert masks["lower-right"].tolist() == [[0] * 7] * 2 + [[0] * 3 + [1] * 4] * 3
    assert torch.equal(sum(masks[part] for part in PARTS[:4]), torch.ones(5, 7))
    for whole, halves in {
        "top": ("upper-left", "upper-right"),
        "bottom": ("lower-left", "lower-right"),
        "left": ("upper-left", "lower-left"),
        "right": ("upper-right", "lower-right"),
    }.items():
        assert torch.equal(masks[whole], masks[halves[0]] + masks[halves[1]])


@pytest.mark.parametrize("part", ["middle", "label", "upper", "top-left"])
def test_a_part_that_does_not_exist(part):
    with pytest.raises(ValueError, match=r"expected one of upper-left, .*, got"):
        mask_of(part, 4, 4)


@pytest.mark.parametrize("bad", [-1, 3])
def test_a_label_outside_the_classes(bad):
    model = make("cvae")
    labels = torch.tensor([0, bad, 2])
    with pytest.raises(InputError, match=f"labels: expected 0 to 2, got {bad}"):
        model.condition(torch.zeros(3, *SHAPE), labels)


@pytest.mark.parametrize("name", ["cvae", "cvae-mlp"])
def test_the_label_reaches_encoder_and_decoder(name):
    model = make(name)
    x, eps, c = draw(model)
    assert torch.equal(c, one_hot(torch.arange(N) % 3, 3).double())
    assert torch.equal(c, model.condition(None, torch.arange(N) % 3))
    other = c.roll(1, dims=1)
    assert not torch.allclose(model.encode(x, c)[0], model.encode(x, other)[0])
    assert not torch.allclose(model.decode(eps, c), model.decode(eps, other))


@pytest.mark.parametrize("name", ["cvae", "cvae-mlp"])
def test_the_label_decides_which_image_is_drawn(name):
    # Two classes, black and white: z need not say which, and every style of a class has its colour.
    wider = {"channels": (8, 8), "hidden_dims": (16,) if name == "cvae" else (16, 16)}
    model = make_model(dataclasses.replace(TINY[name], **wider), SHAPE, 2)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(16) % 2
    x = labels[:, None, None, None].float().expand(-1, *SHAPE)
    c = model.condition(x, labels)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        loss = model.loss(model(x, torch.randn(model.noise_shape(16), generator=generator), c), x, Objective())
        optimizer.zero_grad()
        loss.loss.backward()
        optimizer.step()
    x_hat = model.sample(torch.randn(model.noise_shape(16), generator=generator), c)
    assert (x_hat - x).abs().mean() < 0.05
    torch.testing.assert_close(model.sample(torch.zeros(16, 4), 1 - c).round(), 1 - x)


@pytest.mark.parametrize("name", ["cvae-top", "cvae-lower-left-mlp"])
def test_completion_shows_the_given_pixels_and_models_the_missing_ones(name):
    model = make(name)
    x, eps, c = draw(model)
    given = mask_of(TINY[name].condition, *SHAPE[1:]).bool().expand_as(x)
    assert torch.equal(c[:, :2], torch.where(given, x, 0.0))
    assert torch.equal(c[:, 2:], given[:, :1].double())
    for image in (model.reconstruct(x, c), model.sample(eps, c)):
        assert torch.equal(image[given], x[given])
        assert (image[~given] != x[~given]).all()
    outputs = model(x, eps, c).logits.detach().requires_grad_()
    log_p = D.Bernoulli(logits=outputs, validate_args=False).log_prob(x)
    torch.testing.assert_close(model.log_prob(outputs, x), torch.where(given, 0.0, log_p).sum((1, 2, 3)))
    (gradient,) = torch.autograd.grad(model.log_prob(outputs, x).sum(), outputs)
    assert (gradient[given] == 0).all()
    assert (gradient[~given] != 0).all()


@pytest.mark.parametrize("name", ["cvae-top", "cvae-lower-left-mlp"])
def test_the_decoder_is_told_of_the_given_pixels_and_of_no_others(name):
    model = make(name)
    x, eps, c = draw(model)
    given = mask_of(TINY[name].condition, *SHAPE[1:])
    unseen = model.condition(torch.where(given > 0, x, 1 - x), None)
    seen = model.condition(torch.where(given > 0, 1 - x, x), None)
    assert torch.equal(model.decode(eps, c), model.decode(eps, unseen))
    assert not torch.allclose(model.decode(eps, c), model.decode(eps, seen))
