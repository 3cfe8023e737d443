"""M2 of Kingma et al. (2014): its bounds against loops and known answers, which labels it sees, and that it learns."""

import dataclasses
import json
import math
import shlex

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import DataOptions, OptimizerOptions, TrainOptions  # noqa: E402
from foundation.runs import open_run  # noqa: E402
from foundation.training import begin  # noqa: E402
from ladder import cli  # noqa: E402
from paper import M2, fit, load, log_prob, make, save_hub  # noqa: E402
from paper.models.m2 import choose  # noqa: E402
from paper.models.options import ConditionalVAEOptions, M2Options  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from paper.rung import ModelRung, make_rung  # noqa: E402
from paper.runs import read_data  # noqa: E402
from tests.support.pictures import write_pictures  # noqa: E402
from tests.support.small_models import CLASS_COUNT, MLP, SHAPE, N  # noqa: E402

D = torch.distributions
K = CLASS_COUNT
UNKNOWN = torch.full((N,), -1)
LABELS = torch.arange(N) % K


def make_m2(scale=2.0, **choices):
    """An M2 in float64 whose q(y|x) is not uniform."""
    model = make_model(M2Options(**MLP, **choices), SHAPE, K, 0, torch.float64)
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(scale)
    return model


def batch(model, labels, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(len(labels), *SHAPE, generator=generator, dtype=torch.float64).round()
    eps = torch.randn(model.noise_shape(len(labels)), generator=generator, dtype=torch.float64)
    return x, eps, model.condition(x, labels)


def cvae_of(model):
    """The conditional VAE with the same encoder and decoder."""
    cvae = make_model(ConditionalVAEOptions(**MLP), SHAPE, K, 0, torch.float64)
    own = model.state_dict()
    cvae.load_state_dict({name: own[name] for name in cvae.state_dict()})
    return cvae


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def labelled_bound(model, x, eps, y):
    """-L(x, y) of eq. 6 for each image, from torch's distributions; the expectation by one z, the KL in closed form."""
    c = model.condition(x, y)
    mu, logvar = model.encode(x, c)
    q = D.Normal(mu, (logvar / 2).exp())
    log_p_x = D.Bernoulli(logits=model.decode(mu + (logvar / 2).exp() * eps[:, 0], c)).log_prob(x).flatten(1).sum(1)
    return log_p_x - math.log(K) - D.kl_divergence(q, D.Normal(0.0, 1.0)).sum(1)


# Identities


@pytest.mark.parametrize("objective", [Objective(), Objective(beta=0.3, free_bits=0.2)], ids=["plain", "beta"])
def test_with_all_labels_and_no_classification_it_is_the_cvae(objective):
    model = make_m2(alpha=0.0)
    x, eps, c = batch(model, LABELS)
    cvae, below = cvae_of(model), eps[:, 0]
    ours, theirs = model.loss(model(x, eps, c), x, objective), cvae.loss(cvae(x, below, c), x, objective)
    log_k = math.log(K)
    assert_same(ours[:3], (theirs.loss + objective.beta * log_k, theirs.reconstruction, theirs.kl + log_k))
    ours.loss.backward()
    theirs.loss.backward()
    for name, value in cvae.named_parameters():
        assert_same([model.get_parameter(name).grad], [value.grad])


def test_the_labelled_bound_is_that_of_the_densities():
    model = make_m2(alpha=0.0)
    x, eps, c = batch(model, LABELS)
    assert_same([-model.loss(model(x, eps, c), x, Objective()).loss], [labelled_bound(model, x, eps, LABELS).mean()])


def test_the_unlabelled_bound_is_the_sum_over_classes():
    model = make_m2()
    x, eps, c = batch(model, UNKNOWN)
    q = D.Categorical(logits=model.classifier(x))
    expected = q.entropy()
    for y in range(K):
        expected = expected + q.probs[:, y] * labelled_bound(model, x, eps, torch.full((N,), y))
    assert q.probs.max(1).values.min() < 0.9, "not every class is certain"
    parts = model.bound(model(x, eps, c), x)
    assert_same([-parts.reconstruction - parts.kl_of_z.sum(1) - parts.kl_of_y], [expected])
    loss = model.loss(model(x, eps), x, Objective())
    assert_same([loss.loss, loss.classification], [-expected.mean(), torch.zeros((), dtype=torch.float64)])


def test_where_q_is_certain_the_unlabelled_bound_is_the_labelled_one():
    model = make_m2(alpha=0.0)
    with torch.no_grad():
        model.classifier[-1].weight.zero_()
        model.classifier[-1].bias.copy_(torch.tensor([-2000.0, 0.0, -2000.0]))
    x, eps, unknown = batch(model, UNKNOWN)
    known = model.condition(x, torch.full((N,), 1))
    assert_same(model.loss(model(x, eps, unknown), x, Objective()), model.loss(model(x, eps, known), x, Objective()))


def test_a_batch_of_both_kinds_is_the_sum_of_both():
    model = make_m2(alpha=0.7)
    labels = torch.tensor([-1, 2, -1, 0, -1])
    x, eps, c = batch(model, labels)
    known = labels >= 0
    parts = [
        model.loss(model(x[some], eps[some], c[some]), x[some], Objective()).loss * some.double().mean()
        for some in (known, ~known)
    ]
    surprise = -model.log_q(x)[known, labels[known]].mean()
    # The classification loss is the mean over labelled images, however many others there are.
    expected = sum(parts) + 0.7 * surprise * (1 - known.double().mean())
    assert_same([model.loss(model(x, eps, c), x, Objective()).loss], [expected])


# Known answers


def without_z(model):
    """Make p(x|y, z) depend on y alone and q(z|x, y) the prior: then log p(x) has a closed form."""
    with torch.no_grad():
        model.decoder.hidden[0].weight[:, : model.options.latent_dim] = 0
        for head in (model.encoder.mu, model.encoder.logvar):
            head.weight.zero_()
            head.bias.zero_()
    return model


def test_the_bound_is_log_p_x_where_q_is_the_posterior_and_lower_by_its_divergence_elsewhere():
    model = without_z(make_m2())
    x, eps, c = batch(model, torch.tensor([-1]))
    z = torch.zeros(K, model.options.latent_dim, dtype=torch.float64)
    log_p_x_given_y = D.Bernoulli(logits=model.decode(z, torch.eye(K).double())).log_prob(x).flatten(1).sum(1)
    log_p_x, posterior = log_p_x_given_y.logsumexp(0) - math.log(K), D.Categorical(logits=log_p_x_given_y)
    with torch.no_grad():
        model.classifier[-1].weight.zero_()
    for bias, divergence in ((log_p_x_given_y, 0.0), (torch.tensor([0.3, -0.5, 0.1]).double(), None)):
        with torch.no_grad():
            model.classifier[-1].bias.copy_(bias)
        if divergence is None:
            divergence = D.kl_divergence(D.Categorical(logits=bias), posterior)
            assert divergence > 0.1
        assert_same([-model.loss(model(x, eps, c), x, Objective()).loss], [log_p_x - divergence])


def test_the_bound_lies_below_log_p_x_of_numerical_integration():
    options = M2Options(**MLP | {"latent_dim": 1})
    model = make_model(options, (1, 2, 3), K, 0, torch.float64)
    x = torch.tensor([[1.0, 0, 1, 0, 0, 1]], dtype=torch.float64).view(1, 1, 2, 3)
    grid = torch.linspace(-10, 10, 4001, dtype=torch.float64)[:, None]
    step, log_p_x = float(grid[1] - grid[0]), torch.tensor(0.0)
    with torch.no_grad():
        for y in torch.eye(K).double():
            outputs = model.decode(grid, y.expand(len(grid), K))
            log_joint = model.log_prob(outputs, x.expand(len(grid), -1, -1, -1)) + D.Normal(0, 1).log_prob(grid)[:, 0]
            log_p_x = log_p_x + log_joint.exp().sum() * step / K
        eps = torch.randn(20_000, 2, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        many = x.expand(len(eps), -1, -1, -1)
        parts = model.bound(model(many, eps), many)
        bound = -(parts.reconstruction + parts.kl_of_z.sum(1) + parts.kl_of_y)
    error = float(bound.std()) / math.sqrt(len(bound))
    gap = float(log_p_x.log() - bound.mean())
    assert 5 * error < gap < 1


# Gradients


def test_gradients_by_central_differences():
    model = make_m2(scale=1.0, labelled=3)
    x, eps, c = batch(model, torch.tensor([-1, 1, -1]))
    model.before_training(data_of(6), training())
    model.train()
    named = dict(model.named_parameters())

    def loss(*values):
        run = torch.func.functional_call(model, dict(zip(named, values, strict=True)), (x, eps, c))
        return model.loss(run, x, Objective()).loss

    assert torch.autograd.gradcheck(loss, tuple(named.values()), fast_mode=True)


def test_certain_classes_leave_gradients_finite():
    model = make_m2(scale=60.0)
    x, eps, c = batch(model, torch.tensor([-1, 1, -1, 0, -1]))
    model.loss(model(x, eps, c), x, Objective()).loss.backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())


# Labels


def data_of(count, validation=4):
    rng = np.random.default_rng(0)

    def part(split, size):
        labels = np.arange(size) % 2 + (np.arange(size) % 4 == 3)
        return Dataset("noise", split, rng.random((size, *SHAPE)), labels, ("a", "b", "c"))

    return Data("noise", part("train", count), part("validation", validation), part("test", 5))


def training(labelled=2, seed=0, **choices):
    return TrainOptions(model=M2Options(**MLP, labelled=labelled), seed=seed, precision="float64", **choices)


def test_few_labels_are_kept_equally_many_of_each_class_and_the_seed_chooses():
    labels = np.repeat([0, 1, 2], (10, 20, 70))
    first, again, other = (choose(labels, 7, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)
    assert sorted(np.bincount(labels[first])) == [2, 2, 3]
    assert len(set(first)) == 7
    np.testing.assert_array_equal(choose(labels, 0, np.random.default_rng(0)), np.arange(100))


@pytest.mark.parametrize(("count", "words"), [(2, "each of 3 classes, got 2"), (33, "11 training images of class 0")])
def test_too_few_labels_are_refused(count, words):
    with pytest.raises(InputError, match=f"labelled: .*{words}"):
        choose(np.repeat([0, 1, 2], (10, 20, 70)), count, np.random.default_rng(0))


def test_training_sees_these_labels_alone():
    options, data = training(labelled=6), data_of(40)
    rung = make_rung(options, SHAPE, K, np.random.default_rng(0))
    seen = begin(rung, data, options, np.random.default_rng(0)).data
    kept = seen.train.labels >= 0
    assert kept.sum() == 6
    np.testing.assert_array_equal(seen.train.labels[kept], data.train.labels[kept])
    np.testing.assert_array_equal(rung.model.labelled_images, data.train.images[kept])
    np.testing.assert_array_equal(rung.model.labels, data.train.labels[kept])
    assert set(seen.validation.labels) == {-1}, "labels of validation images would be labels more"
    assert seen.test is data.test
    assert (data.train.labels >= 0).all(), "the data themselves stay as they are"
    again = make_rung(options, SHAPE, K, np.random.default_rng(5))
    np.testing.assert_array_equal(
        begin(again, data, options, np.random.default_rng(9)).data.train.labels, seen.train.labels
    )
    assert not any("labelled" in name for name in rung.model.state_dict())


def test_labels_that_are_missing_already_stay_so():
    data = data_of(40)
    labels = np.where(np.arange(40) < 30, data.train.labels, -1)
    data = dataclasses.replace(data, train=dataclasses.replace(data.train, labels=labels))
    model = make_m2(labelled=0)
    seen = model.before_training(data, training(labelled=0))
    np.testing.assert_array_equal(seen.train.labels, labels)
    assert len(model.labels) == 30


def test_pixels_that_are_drawn_for_every_batch_are_drawn_once_of_labelled_images():
    model = make_m2(labelled=6)
    model.before_training(data_of(40), training(labelled=6, data=DataOptions(binarise="dynamic")))
    assert set(model.labelled_images.unique().tolist()) == {0.0, 1.0}


def test_the_classification_loss_is_the_mean_over_labelled_images():
    model = make_m2(labelled=6)
    model.before_training(data_of(40), training(labelled=6))
    x, eps, c = batch(model, torch.full((12,), -1))
    quantiles = (torch.arange(12, dtype=torch.float64) + 0.5) / 12  # each labelled image twice
    eps[:, 1, 0] = torch.special.ndtri(quantiles)
    expected = torch.nn.functional.cross_entropy(model.classifier(model.labelled_images), model.labels)
    assert_same([model.train().loss(model(x, eps, c), x, Objective()).classification], [expected])
    assert model.eval().loss(model(x, eps, c), x, Objective()).classification == 0, "no label of the batch is known"


def test_what_the_condition_is_of_labels():
    model = make_m2()
    x, _, c = batch(model, torch.tensor([2, -1, 0]))
    assert c.tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert torch.equal(model.condition(x).argmax(1), model.log_q(x).argmax(1))
    for bad in (-2, 3):
        with pytest.raises(InputError, match=f"labels: expected 0 to 2, got {bad}"):
            model.condition(x, torch.tensor([0, bad, 1]))
    with pytest.raises(InputError, match="got neither"):
        model.condition(None)
    with pytest.raises(InputError, match=r"labels: .* class of every image"):
        log_prob(model, x.numpy(), labels=np.array([0, -1, 1]))


def test_options_of_no_meaning_are_refused():
    for wrong in ({"labelled": -1}, {"alpha": -0.1}, {"alpha": math.inf}, {"condition": "top"}, {"prior": "learned"}):
        with pytest.raises(InputError, match=next(iter(wrong)) if "prior" not in wrong else "prior, got"):
            M2Options(**MLP, **wrong)


# Learning


def patterns(count, seed):
    """Images of three patterns with a tenth of their pixels flipped, and the pattern of each."""
    rng = np.random.default_rng(seed)
    clean = np.random.default_rng(7).integers(0, 2, (3, 1, 8, 8))
    labels = rng.integers(0, 3, count)
    flipped = rng.random((count, 1, 8, 8)) < 0.1
    return np.abs(clean[labels] - flipped).astype(np.float32), labels


def test_one_label_of_each_class_names_the_classes():
    images, labels = patterns(600, 0)
    test, classes = patterns(300, 1)
    given = np.full(len(labels), -1)
    for y in range(3):
        given[np.flatnonzero(labels == y)[0]] = y
    torch.manual_seed(0)
    model = M2(
        latent_dim=2, network="mlp", hidden_dims=(32,), image_shape=(1, 8, 8), class_count=3, labelled=0, alpha=10.0
    )
    fit(model, images, given, epochs=12, batch_size=50, optimizer=OptimizerOptions(learning_rate=5e-3), validation=0.1)
    with torch.no_grad():
        found = model.log_q(torch.from_numpy(test)).argmax(1).numpy()
    assert (found == classes).mean() > 0.9


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the command line with few labels, its figures drawn."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("a", "b"):
        write_pictures(folder / name)
    out = tmp_path_factory.mktemp("runs")
    command = f"train m2 --labelled 6 --network mlp --hidden-dims 8 --latent-dim 2 --data {folder} --out {out}"
    assert cli.main([*shlex.split(command), *["--epochs", "2", "--batch-size", "7", "--device", "cpu"]]) == 0
    (path,) = out.iterdir()
    return path


def test_a_run_is_drawn_class_by_class(run):
    drawn = {path.stem for path in (run / "figures").iterdir()}
    assert {"classes_and_styles", "style_transfer", "reconstructions", "kl_per_latent", "latent_space"} <= drawn


def test_evaluation_shows_the_classifier_beside_the_bound(run, capsys):
    assert cli.main(["evaluate", str(run), "--draws", "2", "--device", "cpu"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Trained with the labels of 6 training images." in printed
    model, found = load(run), json.loads((run / "evaluation.json").read_text())
    test = read_data(open_run(run)).test
    x, labels = torch.from_numpy(test.images), torch.from_numpy(test.labels)
    with torch.no_grad():
        log_q = model.log_q(x)
    grey, drawn = found["classes"]
    assert set(test.labels) == {0, 1}
    assert (grey["pixels"], drawn["pixels"]) == ("grey", "black or white, drawn")
    assert grey["accuracy"] == pytest.approx(float((log_q.argmax(1) == labels).double().mean()))
    assert grey["surprise"] == pytest.approx(float(torch.nn.functional.nll_loss(log_q, labels)), rel=1e-5)
    for row in found["classes"]:
        assert row["negative_bound"] == pytest.approx(row["reconstruction"] + row["kl_of_y"] + row["kl_of_z"])
    assert grey["kl_of_y"] == pytest.approx(
        math.log(model.class_count) + float((log_q.exp() * log_q).sum(1).mean()), rel=1e-4
    )
    assert f"{100 * grey['accuracy']:.2f}" in printed
    assert f"{drawn['negative_bound']:.2f}" in printed


def test_a_run_is_explored_and_exported_to_the_hub_s_layout(run, tmp_path):
    assert cli.main(["explore", str(run), "--out", str(tmp_path / "page.html")]) == 0
    again, model = load(save_hub(load(run), tmp_path / "hub")), load(run)
    x = torch.rand(3, *model.image_shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.log_q(x), model.log_q(x))


def test_the_whole_family_makes_it():
    model = make("m2", SHAPE, K, **MLP)
    assert isinstance(model, M2)
    assert ModelRung(model).traits.classifier
