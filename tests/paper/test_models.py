"""What every model of the paper rung has in common: shapes, gradients, no noise of its own, and that it learns."""

import pytest

torch = pytest.importorskip("torch")

from paper.models.options import MODELS  # noqa: E402
from paper.models.registry import CLASSES, make_model  # noqa: E402
from tests.support.small_models import CLASS_COUNT, SHAPE, TINY, TOGETHER, N, draw, make, objective_of  # noqa: E402

every_model = pytest.mark.parametrize("name", TINY)


def test_every_model_of_the_options_is_there():
    assert list(CLASSES) == list(MODELS)
    assert {options.model for options in TINY.values()} == set(MODELS)


@every_model
def test_shapes(name):
    model = make(name, torch.float32)
    x, eps, c = draw(model)
    run = model(x, eps, c)
    loss = model.loss(run, x, objective_of(model))
    assert eps.shape[0] == N
    assert loss._fields[:2] == ("loss", "reconstruction")
    assert all(part.shape == () and part.dtype == torch.float32 and part.isfinite() for part in loss)
    z, logvar = model.encode(x, c)
    Z = model.options.latent_dim + getattr(model.options, "top_dim", 0) if logvar is not None else 0
    assert logvar is None or z.shape == logvar.shape == (N, Z)
    z = model.code(z, logvar)
    for x_hat in (model.reconstruct(x, c), model.sample(z, c)):
        assert x_hat.shape == x.shape
        assert 0 <= x_hat.min() <= x_hat.max() <= 1
    assert model.decode(z, c).shape == x.shape
    assert model.log_prob(model.decode(z, c), x).shape == (N,)
    torch.testing.assert_close(model.reconstruct(x, c), model.sample(z, c))
    assert model.after_step(run) is None


@every_model
def test_no_model_draws_noise(name):
    model = make(name)
    x, eps, c = draw(model)
    state = torch.random.get_rng_state()
    runs = [model(x, eps, c) for _ in range(2)]
    model.loss(runs[0], x, objective_of(model))
    images = [model.reconstruct(x, c) for _ in range(2)]
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(runs[0].logits, runs[1].logits)
    assert torch.equal(*images)


@every_model
def test_first_values_come_from_the_seed_alone(name):
    state = torch.random.get_rng_state()
    first, again, other = (make_model(TINY[name], SHAPE, CLASS_COUNT, seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.random.get_rng_state())
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    assert any(not torch.equal(value, other.state_dict()[key]) for key, value in first.state_dict().items())


@every_model
def test_every_parameter_that_learns_has_a_gradient(name):
    # DistributedDataParallel waits for each of them.
    model = make(name)
    x, eps, c = draw(model)
    model.loss(model(x, eps, c), x, objective_of(model)).loss.backward()
    assert [key for key, value in model.named_parameters() if value.requires_grad and value.grad is None] == []


@every_model
def test_a_loss_is_a_mean_over_images(name):
    if name in TOGETHER:
        pytest.skip("a term of its loss is that of the whole batch")
    model = make(name)
    x, eps, c = draw(model)
    each = []
    for i in range(N):
        one = slice(i, i + 1)
        each.append(model.loss(model(x[one], eps[one], None if c is None else c[one]), x[one], objective_of(model)))
    whole = model.loss(model(x, eps, c), x, objective_of(model))
    for part in set(whole._fields) - {"perplexity"}:
        mean = torch.stack([getattr(loss, part) for loss in each]).mean()
        torch.testing.assert_close(getattr(whole, part), mean, rtol=1e-12, atol=1e-12)


class LossOfModel(torch.nn.Module):
    """A model's loss as a module, so that its parameters can be handed in."""

    def __init__(self, model, objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x, eps, c):
        return self.model.loss(self.model(x, eps, c), x, self.objective).loss


@pytest.mark.parametrize("name", [name for name in TINY if "vq" not in name])  # argmin: see test_vq_vae.py
def test_gradients_by_central_differences(name):
    model = make(name)
    x, eps, c = draw(model, count=2)
    loss_of_model = LossOfModel(model, model.options.objective(0.3))
    # A discriminator learns from a loss of its own, whose value the objective leaves out.
    named = {
        key: value
        for key, value in loss_of_model.named_parameters()
        if value.requires_grad and "discriminator" not in key
    }

    def loss(*values):
        return torch.func.functional_call(loss_of_model, dict(zip(named, values, strict=True)), (x, eps, c))

    assert torch.autograd.gradcheck(loss, tuple(named.values()), fast_mode=True)


# The loss of a diffusion at a step drawn by chance is mostly noise: see test_latent_diffusion.py.
@pytest.mark.parametrize("name", [name for name in TINY if name != "latent-diffusion"])
def test_learns_a_small_batch(name):
    model = make(name, torch.float32)
    x, _, c = draw(model, count=4)
    x = x.round() * 0.8 + 0.1
    optimizer, generator = torch.optim.Adam(model.parameters(), 0.01), torch.Generator().manual_seed(0)
    losses = []
    for _ in range(80):
        run = model(x, torch.randn(model.noise_shape(4), generator=generator), c)
        loss = model.loss(run, x, objective_of(model))
        optimizer.zero_grad()
        loss.loss.backward()
        optimizer.step()
        model.after_step(run)
        losses.append(loss.loss.item())
    assert losses[-1] < losses[0] - 2
