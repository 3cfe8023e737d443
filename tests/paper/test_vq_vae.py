"""The VQ-VAE: nearest entries, gradients straight through, moving averages by hand, entries that nothing chooses."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")

from foundation.data.splits import load_data  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import DataOptions, TrainOptions  # noqa: E402
from paper.models.options import VAEOptions, VQVAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from paper.models.vq_vae import Codebook, as_vectors, perplexity  # noqa: E402
from paper.training.fit import fit, measure  # noqa: E402

SHAPE, N = (2, 8, 12), 3
OPTIONS = VQVAEOptions(codes=5, code_dim=3, channels=(3, 4), commitment=0.25, decay=0.75)
GRADIENT = dataclasses.replace(OPTIONS, codebook="gradient")
both = pytest.mark.parametrize("options", [OPTIONS, GRADIENT], ids=["ema", "gradient"])


def make(options=OPTIONS, spread=1.0):
    """A model whose entries lie as far apart as the vectors that choose among them."""
    model = make_model(options, SHAPE, 0, 10, torch.float64)
    generator = torch.Generator().manual_seed(0)
    entries = torch.randn(options.codes, options.code_dim, generator=generator, dtype=torch.float64)
    vectors = as_vectors(model.encoder(draw()[0])).detach()
    model.codebook.entries.data.copy_(vectors.mean(0) + spread * vectors.std(0) * entries)
    return model


def draw(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64), torch.zeros(N, 0, dtype=torch.float64)


def run_and_loss(model):
    x, eps = draw()
    run = model(x, eps)
    return run, model.loss(run, x, Objective())


# The quantiser.


@both
def test_every_vector_goes_to_its_nearest_entry(options):
    model = make(options)
    run, _ = run_and_loss(model)
    assert run.codes.shape == (N, *model.code_shape) == (N, 2, 3)
    assert run.codes.unique().numel() == options.codes, "each entry is the nearest to some vector"
    for n in range(N):
        for row in range(2):
            for column in range(3):
                vector = run.z_e[n, :, row, column]
                distances = [(vector - entry).square().sum().item() for entry in model.codebook.entries]
                nearest = distances.index(min(distances))
                assert run.codes[n, row, column] == nearest
                assert torch.equal(run.z_q[n, :, row, column], model.codebook.entries[nearest])
    torch.testing.assert_close(run.z, run.z_q, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("spread", [0.01, 0.001])
def test_nearest_entries_far_from_zero(spread):
    # By |z|^2 - 2 z e + |e|^2 in float32, two fifths are wrong at a spread of 0.01, and nearly all at 0.001.
    generator = torch.Generator().manual_seed(0)
    codebook = Codebook(VQVAEOptions(codes=64, code_dim=16))
    codebook.entries.copy_(10 + spread * torch.randn(64, 16, generator=generator))
    z_e = 10 + spread * torch.randn(8, 16, 7, 7, generator=generator)
    differences = as_vectors(z_e).double()[:, None] - codebook.entries.double()
    nearest = differences.square().sum(2).argmin(1)
    assert torch.equal(codebook.nearest(z_e).flatten(), nearest)
    products = torch.cdist(as_vectors(z_e), codebook.entries, compute_mode="use_mm_for_euclid_dist")
    assert (products.argmin(1) != nearest).float().mean() > 0.2


@both
def test_the_decoder_gets_the_entries_to_the_last_digit(options):
    model = make_model(options, SHAPE, 0, 10, torch.float32)
    x = draw()[0].float()
    for parameter in model.encoder.parameters():
        parameter.data.mul_(100)
    run = model(x, torch.zeros(N, 0))
    assert run.z_e.abs().max() > 100 * run.z_q.abs().max()
    assert torch.equal(run.z, run.z_q)


@both
def test_images_from_codes(options):
    model = make(options)
    x, eps = draw()
    run = model(x, eps)
    assert torch.equal(model.codes(x), run.codes)
    assert torch.equal(model.encode(x)[0], run.z_q)
    torch.testing.assert_close(model.sample(model.codebook(run.codes)), torch.sigmoid(run.logits))
    torch.testing.assert_close(model.reconstruct(x), torch.sigmoid(run.logits))


@both
def test_the_gradient_goes_straight_through(options):
    # To the encoder the quantiser is the identity: the gradient at z_q, and the commitment's 2 beta (z_e - e) / N.
    model = make(options)
    x, _ = draw()
    run, loss = run_and_loss(model)
    (ours,) = torch.autograd.grad(loss.loss, run.z_e, retain_graph=True)
    z = run.z_q.detach().requires_grad_()
    (at_z_q,) = torch.autograd.grad(-model.log_prob(model.decode(z), x).mean(), z)
    expected = at_z_q + 2 * options.commitment * (run.z_e - run.z_q) / N
    torch.testing.assert_close(ours, expected.detach(), rtol=1e-12, atol=1e-14)
    assert at_z_q.abs().max() > 0


@both
def test_the_decoder_by_central_differences(options):
    model = make(options)
    x, eps = draw()
    named = dict(model.decoder.named_parameters())

    def loss(*values):
        outputs = torch.func.functional_call(model.decoder, dict(zip(named, values, strict=True)), model(x, eps).z)
        return -model.log_prob(outputs, x).mean()

    assert torch.autograd.gradcheck(loss, tuple(named.values()), fast_mode=True)


# The loss.


@both
def test_the_parts_of_the_loss(options):
    model = make(options)
    x, _ = draw()
    run, loss = run_and_loss(model)
    bernoulli = torch.distributions.Bernoulli(logits=run.logits, validate_args=False)
    torch.testing.assert_close(loss.reconstruction, -bernoulli.log_prob(x).sum() / N)
    distance = (run.z_e - run.z_q).square().sum() / N
    torch.testing.assert_close(loss.commitment, distance)
    both_terms = 1.25 if options.codebook == "gradient" else 0.25
    torch.testing.assert_close(loss.loss, loss.reconstruction + both_terms * distance)


def test_the_codebook_term_moves_entries_and_nothing_else():
    model = make(GRADIENT)
    run, loss = run_and_loss(model)
    (ours,) = torch.autograd.grad(loss.loss, model.codebook.entries)
    expected = torch.zeros_like(ours)
    for vector, code in zip(as_vectors(run.z_e), run.codes.flatten(), strict=True):
        expected[code] += 2 * (model.codebook.entries[code] - vector) / N
    torch.testing.assert_close(ours, expected.detach())


def test_with_moving_averages_the_codebook_has_no_parameters():
    assert [name for name, _ in make().named_parameters() if "codebook" in name] == []
    assert {"codebook.entries", "codebook.counts", "codebook.sums"} < set(make().state_dict())


@pytest.mark.parametrize(
    ("codes", "expected"), [([3, 3, 3, 3], 1), ([0, 1, 2, 3], 4), ([0, 0, 1, 1], 2), ([0, 0, 0, 1], 1.7547654)]
)
def test_perplexity(codes, expected):
    assert perplexity(torch.tensor(codes).reshape(1, 2, 2), 8).item() == pytest.approx(expected)


# The moving averages.


@both
def test_only_after_step_changes_the_codebook(options):
    model = make(options)
    before = {name: value.clone() for name, value in model.codebook.state_dict().items()}
    run, loss = run_and_loss(model)
    loss.loss.backward()
    for name, value in before.items():
        assert torch.equal(value, model.codebook.state_dict()[name])
    model.after_step(run)
    changed = {name for name, value in before.items() if not torch.equal(value, model.codebook.state_dict()[name])}
    # With gradients, the entries wait for the optimiser.
    assert changed == ({"counts"} if options.codebook == "gradient" else {"counts", "sums", "entries"})


def test_moving_averages_by_hand():
    # Two entries on a line. 1, 2, 3 choose entry 0 at 1; 9 chooses entry 1 at 8.
    codebook = Codebook(VQVAEOptions(codes=2, code_dim=1, decay=0.75))
    codebook.entries.copy_(torch.tensor([[1.0], [8.0]]))
    codebook.counts.copy_(torch.tensor([4.0, 2.0]))
    codebook.sums.copy_(torch.tensor([[4.0], [16.0]]))
    z_e = torch.tensor([1.0, 2.0, 3.0, 9.0]).reshape(1, 1, 2, 2)
    codes = codebook.nearest(z_e)
    assert codes.flatten().tolist() == [0, 0, 0, 1]
    codebook.update(z_e, codes)
    assert codebook.counts.tolist() == [3.75, 1.75]  # 0.75 * 4 + 0.25 * 3, 0.75 * 2 + 0.25 * 1
    assert codebook.sums.tolist() == [[4.5], [14.25]]  # 0.75 * 4 + 0.25 * 6, 0.75 * 16 + 0.25 * 9
    torch.testing.assert_close(codebook.entries, torch.tensor([[1.2], [14.25 / 1.75]]))


def test_the_first_step_puts_an_entry_on_the_mean_of_what_chose_it():
    codebook = Codebook(VQVAEOptions(codes=2, code_dim=1))
    codebook.entries.copy_(torch.tensor([[1.0], [8.0]]))
    z_e = torch.tensor([1.0, 2.0, 3.0, 9.0]).reshape(1, 1, 2, 2)
    codebook.update(z_e, codebook.nearest(z_e))
    torch.testing.assert_close(codebook.entries, torch.tensor([[2.0], [9.0]]))


@pytest.mark.parametrize("kind", ["ema", "gradient"])
def test_entries_that_nothing_chooses_move_to_the_vectors_farthest_from_theirs(kind):
    codebook = Codebook(VQVAEOptions(codes=3, code_dim=1, decay=0.5, codebook=kind))
    codebook.entries.data.copy_(torch.tensor([[2.0], [50.0], [60.0]]))
    z_e = torch.tensor([1.0, 2.0, 3.0, 9.0]).reshape(1, 1, 2, 2)
    codebook.update(z_e, codebook.nearest(z_e))
    # Farthest from 2 is 9, then 1 (or 3, as far). The other entry follows all four vectors, or waits for its gradient.
    assert codebook.entries[1].item() == pytest.approx(9)
    assert abs(codebook.entries[2].item() - 2) == pytest.approx(1)
    assert codebook.entries[0].item() == pytest.approx(3.75 if kind == "ema" else 2)
    assert (codebook.counts > 0).all()
    again = codebook.nearest(z_e)
    assert again.flatten()[3] == 1
    for _ in range(5):
        codebook.update(z_e, codebook.nearest(z_e))
    assert codebook.entries.isfinite().all()


def test_more_entries_than_vectors():
    codebook = Codebook(VQVAEOptions(codes=9, code_dim=1, decay=0.0))
    z_e = torch.tensor([1.0, 2.0, 3.0, 9.0]).reshape(1, 1, 2, 2)
    for _ in range(3):
        codebook.update(z_e, codebook.nearest(z_e))
    assert set(codebook.entries.flatten().tolist()) == {1.0, 2.0, 3.0, 9.0}


# Learning.


def test_moving_entries_keeps_the_codebook_in_use(monkeypatch):
    data = load_data(DataOptions(validation=0.0))
    few = dataclasses.replace(data, train=data.train.subset(slice(0, 512)))
    options = TrainOptions(
        model=VQVAEOptions(codes=32, code_dim=8, channels=(8, 16)), epochs=8, batch_size=32, device="cpu"
    )
    moving = perplexity(fit(options, few).codes(torch.from_numpy(data.test.images[:200])), 32)
    monkeypatch.setattr(Codebook, "UNUSED", 1e-12)  # only what nothing has ever chosen
    still = perplexity(fit(options, few).codes(torch.from_numpy(data.test.images[:200])), 32)
    assert still < 3.5 < moving


@pytest.mark.slow
@pytest.mark.parametrize("codebook", ["ema", "gradient"])
def test_three_epochs_of_glyphs_beat_a_vae_of_two_latents(codebook):
    data = load_data(DataOptions())
    parts = {}
    for name, options in {"vq-vae": VQVAEOptions(codebook=codebook), "vae": VAEOptions(latent_dim=2)}.items():
        model = fit(TrainOptions(model=options, epochs=3, device="cpu"), data)
        parts[name] = measure(model, data.test, options.objective())
    assert parts["vq-vae"]["perplexity"] > 20
    assert parts["vq-vae"]["reconstruction"] < 75 < 120 < parts["vae"]["reconstruction"]
