"""Models with a richer prior, posterior or KL: the VAE where their addition is taken out, and known answers."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import paper  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import KLOptions, TrainOptions  # noqa: E402
from foundation.rung import encode_all  # noqa: E402
from paper.evaluation.bound import elbo_parts  # noqa: E402
from paper.evaluation.importance import importance_sample  # noqa: E402
from paper.models.beta_tcvae import kl_parts  # noqa: E402
from paper.models.cvae import CompletionVAE, ConditionalVAE, LearnedPriorConditionalVAE  # noqa: E402
from paper.models.normal import kl_of_normals  # noqa: E402
from paper.models.options import (  # noqa: E402
    MODELS,
    BetaTCVAEOptions,
    ConditionalVAEOptions,
    FactorVAEOptions,
    HierarchicalOptions,
    IAFOptions,
    VAEOptions,
    VampPriorOptions,
)
from paper.models.registry import make_model  # noqa: E402
from paper.rung import ModelRung  # noqa: E402
from tests.support.small_models import CLASS_COUNT, MLP, SHAPE, N  # noqa: E402

D = torch.distributions
DRAWN = {
    "vampprior": VampPriorOptions(**MLP, components=3),
    "mixture": VampPriorOptions(**MLP, components=3, components_are="mixture"),
    "iaf": IAFOptions(**MLP, flow_steps=3, flow_hidden_dim=7),
    "hierarchical": HierarchicalOptions(**MLP, top_dim=3, top_hidden_dim=7),
    "cvae-label": ConditionalVAEOptions(**MLP, prior="learned"),
    "cvae-part": ConditionalVAEOptions(**MLP, condition="left", prior="learned"),
}
every_drawn = pytest.mark.parametrize("name", DRAWN)


def make(options, scale=2.0, shape=SHAPE, seed=0):
    """A model in float64 whose q(z|x) is away from its prior."""
    model = make_model(options, shape, CLASS_COUNT, seed, torch.float64)
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(scale)
    return model


def batch(model, count=N, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, *model.image_shape, generator=generator, dtype=torch.float64).round()
    eps = torch.randn(model.noise_shape(count), generator=generator, dtype=torch.float64)
    return x, eps, model.condition(x, torch.arange(count) % CLASS_COUNT)


def plain(model, options=None):
    """The VAE with the same encoder and decoder."""
    vae = make(VAEOptions(**MLP) if options is None else options)
    own = model.state_dict()
    vae.load_state_dict({name: own[name] for name in vae.state_dict()})
    return vae


@torch.no_grad()
def zero(*modules):
    for module in modules:
        for value in module.parameters():
            value.zero_()


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


# Each without its addition


def drawn_kl(vae, x, eps):
    """The VAE's KL, estimated from the same draw."""
    mu, logvar = vae.encode(x)
    sigma = torch.exp(logvar / 2)
    z = mu + sigma * eps
    return (D.Normal(mu, sigma).log_prob(z) - D.Normal(0.0, 1.0).log_prob(z)).sum(1).mean()


def test_a_mixture_of_standard_normals_is_the_vae():
    model = make(DRAWN["mixture"])
    zero(model.mixture)
    x, eps, _ = batch(model)
    vae = plain(model)
    ours, theirs = model.loss(model(x, eps), x, Objective()), vae.loss(vae(x, eps), x, Objective())
    assert_same((ours.reconstruction, ours.kl), (theirs.reconstruction, drawn_kl(vae, x, eps)))


def test_pseudo_inputs_with_no_information_are_one_component():
    model = make(DRAWN["vampprior"])
    with torch.no_grad():
        model.pseudo_inputs.logits.copy_(model.pseudo_inputs.logits[:1].expand_as(model.pseudo_inputs.logits))
    mu, logvar = model.encode(model.pseudo_inputs()[:1])
    x, eps, _ = batch(model)
    run = model(x, eps)
    q, p = D.Normal(run.mu, (run.logvar / 2).exp()), D.Normal(mu, (logvar / 2).exp())
    assert_same([run.log_ratio], [(p.log_prob(run.z) - q.log_prob(run.z)).sum(1)])


def test_a_flow_with_open_gates_is_the_vae():
    model = make(DRAWN["iaf"])
    with torch.no_grad():
        for step in model.flow:
            step.s.weight.zero_()
            step.s.bias.fill_(60.0)  # sigmoid is 1
    x, eps, _ = batch(model)
    vae = plain(model)
    ours = model.loss(model(x, eps), x, Objective())
    # Three reversals turn the latents round once; the decoder sees them so.
    mu, logvar = vae.encode(x)
    z = (mu + torch.exp(logvar / 2) * eps).flip(1)
    assert_same((ours.reconstruction, ours.kl), (-vae.log_prob(vae.decode(z), x).mean(), drawn_kl(vae, x, eps)))


def test_a_hierarchy_whose_upper_layer_says_nothing_is_the_vae():
    model = make(DRAWN["hierarchical"])
    zero(model.encoder_top, model.decoder_top)
    x, eps, _ = batch(model)
    vae, below = plain(model), eps[:, : model.options.latent_dim]
    ours, theirs = model.loss(model(x, eps), x, Objective()), vae.loss(vae(x, below), x, Objective())
    assert_same((ours.reconstruction, ours.kl), (theirs.reconstruction, drawn_kl(vae, x, below)))


@pytest.mark.parametrize("condition", ["label", "left"])
def test_a_learned_prior_of_zeros_is_the_cvae(condition):
    model = make(ConditionalVAEOptions(**MLP, condition=condition, prior="learned"))
    zero(model.prior_network)
    x, eps, c = batch(model)
    cvae = plain(model, ConditionalVAEOptions(**MLP, condition=condition))
    objective = Objective(beta=1.3, free_bits=0.2)
    assert_same(model.loss(model(x, eps, c), x, objective), cvae.loss(cvae(x, eps, c), x, objective))


def test_with_all_weights_1_the_beta_tcvae_is_the_vae():
    model = make(BetaTCVAEOptions(**MLP, beta=1.0))
    x, eps, _ = batch(model)
    vae = plain(model)
    assert_same(model.loss(model(x, eps), x, Objective()), vae.loss(vae(x, eps), x, Objective()))


def test_with_a_weight_of_0_the_factor_vae_is_the_vae():
    model = make(FactorVAEOptions(**MLP, gamma=0.0))
    x, eps, _ = batch(model)
    vae = plain(model)
    ours, theirs = model.loss(model(x, eps), x, Objective()), vae.loss(vae(x, eps[:, 0]), x, Objective())
    assert_same(ours[:3], theirs)
    ours.loss.backward()
    theirs.loss.backward()
    for name, value in vae.named_parameters():
        assert_same([model.get_parameter(name).grad], [value.grad])


# Known answers


@every_drawn
def test_the_log_ratio_is_a_density_of_the_draws(name):
    # E_q[p(z) / q(z|x)] = 1, whatever q and p: the mean of exp(log_ratio) over draws from q.
    model = make(DRAWN[name], scale=0.7)
    x, _, c = batch(model, 1)
    mu, logvar = (value.expand(400_000, -1) for value in model.encode(x, c))
    eps = torch.randn(mu.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ratio = model.draw_z(mu, logvar, eps, None if c is None else c.expand(len(mu), *c.shape[1:]))[1].exp().detach()
    error = float(ratio.std() / math.sqrt(len(ratio)))
    assert error < 0.05
    assert abs(float(ratio.mean()) - 1) < 5 * error


@pytest.mark.parametrize("name", ["vampprior", "mixture", "hierarchical", "cvae-label", "cvae-part"])
def test_draws_from_a_learned_prior_have_its_density(name):
    # E_p[q(z|x) / p(z)] = 1 as well; the draws come from `prior`, the densities from `draw_z`.
    model = make(DRAWN[name], scale=0.7)
    x, _, c = batch(model, 1)
    count = 200_000
    c = None if c is None else c.expand(count, *c.shape[1:])
    Z = model.noise_shape(1)[-1]
    z = model.prior(torch.randn(count, Z, generator=torch.Generator().manual_seed(4), dtype=torch.float64), c)
    mu, logvar = (value.expand(count, -1) for value in model.encode(x, None if c is None else c[:1]))
    if name == "hierarchical":
        below = model.options.latent_dim
        moments = model.encoder_top(z[:, :below])
        mu, logvar = torch.cat([mu[:, :below], moments[0]], 1), torch.cat([logvar[:, :below], moments[1]], 1)
    again, log_ratio = model.draw_z(mu, logvar, (z - mu) * torch.exp(-logvar / 2), c)
    torch.testing.assert_close(again, z)
    ratio = torch.exp(-log_ratio).detach()
    error = float(ratio.std() / math.sqrt(count))
    assert error < 0.05
    assert abs(float(ratio.mean()) - 1) < 5 * error


def test_the_flow_s_density_is_that_of_its_jacobian():
    model = make(DRAWN["iaf"])
    x, eps, _ = batch(model, 1)
    mu, logvar = model.encode(x)
    jacobian = torch.autograd.functional.jacobian(lambda e: model.draw_z(mu, logvar, e)[0][0], eps)[:, 0]
    z, log_ratio = model.draw_z(mu, logvar, eps)
    log_q = D.Normal(0.0, 1.0).log_prob(eps).sum() - torch.linalg.slogdet(jacobian).logabsdet
    assert_same([log_ratio[0]], [D.Normal(0.0, 1.0).log_prob(z).sum() - log_q])


def test_each_output_of_a_flow_sees_the_latents_before_it_alone():
    step = make(DRAWN["iaf"]).flow[0]
    z, h = torch.randn(1, 4, dtype=torch.float64), torch.randn(1, 8, dtype=torch.float64)
    for output in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda v, i=output: step(v, h)[i][0], z)[:, 0]
        assert torch.equal(jacobian, jacobian.tril(-1))
        assert (jacobian.tril(-1) != 0).sum() == 6  # and every one of them


@pytest.mark.parametrize("name", ["vampprior", "mixture", "iaf"])
def test_importance_sampling_finds_log_p_of_numerical_integration(name):
    small = {"latent_dim": 1, "network": "mlp", "hidden_dims": (7,), "activation": "tanh"}
    options = {
        "vampprior": VampPriorOptions(**small, components=3),
        "mixture": VampPriorOptions(**small, components=3, components_are="mixture"),
        "iaf": IAFOptions(**small, flow_hidden_dim=7),
    }
    model = make(options[name], 0.7, (1, 2, 3))
    x, _, _ = batch(model, 3)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    if name == "iaf":
        log_prior = D.Normal(0.0, 1.0).log_prob(grid)[:, 0]
    else:
        mu, logvar = model.components()
        log_prior = D.Normal(mu.T, (logvar.T / 2).exp()).log_prob(grid).logsumexp(1) - math.log(3)
    with torch.no_grad():
        outputs = model.decode(grid)
        log_joint = torch.stack([model.log_prob(outputs, one.expand(len(grid), *one.shape)) for one in x]) + log_prior
        exact = (log_joint.exp().sum(1) * float(grid[1] - grid[0])).log().numpy()
    estimate = importance_sample(model, x, None, 20_000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(estimate.log_p, exact, atol=0.02)
    assert (estimate.elbo < exact + 0.02).all()


def test_the_kl_of_two_normals():
    rng = torch.Generator().manual_seed(5)
    mu, logvar, mu_c, logvar_c = torch.randn(4, N, 3, generator=rng, dtype=torch.float64)
    q, p = D.Normal(mu, (logvar / 2).exp()), D.Normal(mu_c, (logvar_c / 2).exp())
    torch.testing.assert_close(kl_of_normals(mu, logvar, mu_c, logvar_c), D.kl_divergence(q, p))


# The parts of the KL


def test_the_parts_of_the_kl_add_up_and_are_those_of_the_densities():
    rng = torch.Generator().manual_seed(6)
    mu, logvar, eps = torch.randn(3, 7, 3, generator=rng, dtype=torch.float64)
    z = mu + torch.exp(logvar / 2) * eps
    parts = kl_parts(mu, logvar, z)
    q, p = D.Normal(mu, (logvar / 2).exp()), D.Normal(0.0, 1.0)
    whole = (q.log_prob(z) - p.log_prob(z)).sum(1).mean()
    assert_same([sum(parts)], [whole])
    equal = D.Categorical(torch.ones(7, dtype=torch.float64))
    aggregate = D.MixtureSameFamily(equal, D.Independent(q, 1))
    product = [D.MixtureSameFamily(equal, D.Normal(m, v)) for m, v in zip(mu.T, (logvar / 2).exp().T, strict=True)]
    log_q, log_product = aggregate.log_prob(z), sum(one.log_prob(z[:, j]) for j, one in enumerate(product))
    assert_same(parts, [(q.log_prob(z).sum(1) - log_q).mean(), (log_q - log_product).mean(),
                        (log_product - p.log_prob(z).sum(1)).mean()])  # fmt: skip


def test_independent_latents_have_no_total_correlation_and_copies_have_all():
    # Codes on a grid are independent over the images; a latent that repeats another adds its entropy.
    side = torch.linspace(-2, 2, 40, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    small = torch.full_like(grid, -4.0)
    eps = torch.randn(grid.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    independent = kl_parts(grid, small, grid + torch.exp(small / 2) * eps)
    assert abs(float(independent.total_correlation)) < 1e-9
    copies = grid[:, :1].expand(-1, 2)
    copied = kl_parts(copies, small, copies + torch.exp(small / 2) * eps)
    assert float(copied.total_correlation) > 1
    assert 0 < float(copied.mutual_information) < math.log(len(grid))


def test_the_discriminator_learns_the_total_correlation_of_a_gaussian():
    # TC of a Gaussian with correlation r is -log(1 - r^2) / 2: 0.51 nats for r = 0.8.
    model = make(FactorVAEOptions(latent_dim=2, network="mlp", hidden_dims=(3,), discriminator_dims=(32, 32)), 1.0)
    optimizer = torch.optim.Adam(model.discriminator.parameters(), lr=3e-3)
    rng, root = torch.Generator().manual_seed(8), torch.linalg.cholesky(torch.tensor([[1, 0.8], [0.8, 1]]).double())
    x, estimates = torch.rand(1000, *SHAPE, dtype=torch.float64, generator=rng), []
    for _ in range(400):
        z = torch.randn(1000, 2, generator=rng, dtype=torch.float64) @ root.T
        model.encode = lambda images, c=None, z=z: (z, torch.full_like(z, -200.0))  # z is mu, exactly
        run = model(x, torch.randn(1000, 2, 2, generator=rng, dtype=torch.float64))
        loss = model.loss(run, x, Objective())
        optimizer.zero_grad()
        loss.loss.backward()
        optimizer.step()
        estimates.append(float(loss.tc.detach()))
    assert abs(np.mean(estimates[-100:]) + 0.5 * math.log(1 - 0.8**2)) < 0.06


def test_the_discriminator_s_loss_reaches_the_discriminator_alone():
    model = make(FactorVAEOptions(**MLP, gamma=0.0))
    x, eps, _ = batch(model)
    loss = model.loss(model(x, eps), x, Objective())
    (loss.discriminator).backward()
    reached = {name.split(".")[0] for name, value in model.named_parameters() if value.grad is not None}
    assert reached == {"discriminator"}
    assert float(loss.loss.detach()) == pytest.approx(float((loss.reconstruction + loss.kl).detach()), abs=1e-9)


# Use


def test_a_class_has_the_prior_that_its_options_ask_for():
    for kind, options in (
        (ConditionalVAE, ConditionalVAEOptions(**MLP, prior="learned")),
        (CompletionVAE, ConditionalVAEOptions(**MLP, condition="top", prior="learned")),
        (LearnedPriorConditionalVAE, ConditionalVAEOptions(**MLP)),
    ):
        with pytest.raises(InputError, match=r"prior: expected (standard|learned), which is what .*paper\.make"):
            kind(options, SHAPE, CLASS_COUNT)
    for condition in ("label", "top"):
        made = paper.make("cvae", SHAPE, CLASS_COUNT, prior="learned", condition=condition, **MLP)
        assert made.traits.learned_prior


@pytest.mark.parametrize("name", ["beta-tcvae", "factor-vae"])
def test_a_loss_of_the_whole_batch_takes_one_process(name, monkeypatch):
    model = make_model(MODELS[name](**MLP), SHAPE, 0)
    ModelRung(model)
    monkeypatch.setattr("paper.rung.process_numbers", lambda: (0, 2))
    with pytest.raises(InputError, match=f"{name}: its loss is that of the whole batch; expected one process alone"):
        ModelRung(model)


def test_codes_of_a_flow_are_behind_it():
    model = make(DRAWN["iaf"])
    x, _, _ = batch(model)
    rung, labels = ModelRung(model), torch.zeros(N, dtype=torch.long)
    codes, _ = encode_all(model, x, labels, torch.cat)
    np.testing.assert_allclose(encode_all(rung, x.numpy(), labels.numpy())[0], codes.detach().numpy(), rtol=1e-12)
    torch.testing.assert_close(model.sample(codes.detach()), model.reconstruct(x))
    assert not torch.allclose(codes, model.encode(x)[0])


def test_free_bits_are_refused_where_the_kl_has_no_parts():
    with pytest.raises(InputError, match=r"kl\.free_bits: .* not split over latents"):
        TrainOptions(model=VampPriorOptions(), kl=KLOptions(free_bits=0.1))
    for options in (IAFOptions(), FactorVAEOptions()):
        with pytest.raises(InputError, match=r"z: .* expected sampled"):
            TrainOptions(model=options, z="mu")
    assert TrainOptions(model=VampPriorOptions(), kl=KLOptions(schedule="linear")).kl.schedule == "linear"


def test_options_of_no_meaning_are_refused():
    for kind, wrong in (
        (BetaTCVAEOptions, {"alpha": -1.0}), (FactorVAEOptions, {"gamma": math.nan}),
        (VampPriorOptions, {"components": 0}), (IAFOptions, {"flow_steps": 0}), (HierarchicalOptions, {"top_dim": 0}),
    ):  # fmt: skip
        with pytest.raises(InputError, match=next(iter(wrong))):
            kind(**wrong)


@every_drawn
def test_the_bound_of_an_evaluation_is_that_of_the_loss(name):
    model = make(DRAWN[name])
    x, _, _ = batch(model, 400)
    labels = torch.arange(400) % CLASS_COUNT
    parts = elbo_parts(model, x, labels, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(model.noise_shape(400), generator=generator, dtype=torch.float64)
    with torch.no_grad():
        loss = model.loss(model(x, eps, model.condition(x, labels)), x, Objective())
    assert parts.reconstruction.mean() == pytest.approx(float(loss.reconstruction), rel=1e-12)
    if not name.startswith("cvae"):
        assert parts.kl.sum(axis=1).mean() == pytest.approx(float(loss.kl), rel=1e-12)
    else:  # in closed form in the loss
        spread = parts.kl.sum(axis=1).std() / 20
        assert abs(parts.kl.sum(axis=1).mean() - float(loss.kl)) < 4 * spread
