"""The paper rung's training loop: schedules, what is measured and when, what is random and what is not, and its end."""

import dataclasses
import math

import pytest

from foundation.errors import Diverged, InputError
from paper.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    DataOptions,
    IWAEOptions,
    KLOptions,
    OptimizerOptions,
    TrainOptions,
    VAEOptions,
    VQVAEOptions,
)

torch = pytest.importorskip("torch")
training = pytest.importorskip("paper.training")
optimizer = pytest.importorskip("paper.optimizer")
records = pytest.importorskip("paper.records")
schedules = pytest.importorskip("paper.schedules")
models = pytest.importorskip("paper.models.registry")
data_module = pytest.importorskip("paper.data")

SMALL = VAEOptions(channels=(2, 3), hidden_dims=(5,), latent_dim=2)
IMAGES, BATCH, EPOCHS = 19, 8, 3
STEPS = 3


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)

    def part(count):
        images = torch.rand(count, 1, 8, 8, generator=generator)
        return data_module.Part(images, torch.arange(count) % 3)

    return data_module.Data("noise", part(IMAGES), part(7), part(10), ("a", "b", "c"))


def make(model=SMALL, **choices):
    return TrainOptions(model=model, epochs=EPOCHS, batch_size=BATCH, **choices)


def fresh(options, data):
    """The model that such a training begins with."""
    model = models.make_model(options.model, data.image_shape, len(data.classes), options.seed)
    return model.to(data_module.DTYPES[options.precision])


def run(options, data, model=None):
    """All records of a training."""
    found = list(training.train(model or fresh(options, data), data, options))
    steps = [record for record in found if isinstance(record, records.StepRecord)]
    return steps, [record for record in found if isinstance(record, records.EpochRecord)]


# Step size


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (OptimizerOptions(), [1, 1, 1, 1, 1]),
        (OptimizerOptions(warmup=0.5), [0, 0.5, 1, 1, 1]),
        (OptimizerOptions(schedule="cosine"), [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0]),
        (OptimizerOptions(schedule="cosine", warmup=0.5), [0, 0.5, 1, 0.5, 0]),
    ],
)
def test_learning_rate(options, expected):
    options = dataclasses.replace(options, learning_rate=0.02)
    came = [optimizer.learning_rate_at(options, progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert came == pytest.approx([0.02 * share for share in expected])


def test_every_step_is_taken_with_its_own_rate(data, monkeypatch):
    taken, step = [], torch.optim.Adam.step

    def watch(self, *arguments):
        taken.append(self.param_groups[0]["lr"])
        step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", watch)
    options = make(optimizer=OptimizerOptions(schedule="cosine", warmup=0.3))
    steps, epochs = run(options, data)
    total = EPOCHS * STEPS
    assert taken == [optimizer.learning_rate_at(options.optimizer, step / total) for step in range(total)]
    assert [record.learning_rate for record in steps] == taken
    assert epochs[-1].learning_rate == pytest.approx(0)


def test_weight_decay_is_adamws(data):
    decayed = training.begin(fresh(make(), data), make(optimizer=OptimizerOptions(name="adamw", weight_decay=0.1)))
    assert isinstance(decayed.optimizer, torch.optim.AdamW)
    assert decayed.optimizer.param_groups[0]["weight_decay"] == 0.1


# What a step and an epoch report


def test_records_count_and_weigh(data):
    steps, epochs = run(make(), data)
    assert [record.step for record in steps] == list(range(1, EPOCHS * STEPS + 1))
    assert [record.epoch for record in epochs] == [0, 1, 2, 3]
    assert [record.step for record in epochs] == [0, 3, 6, 9]
    for epoch in epochs[1:]:
        batches = [record for record in steps if record.epoch == epoch.epoch]
        for name, mean in epoch.train.items():
            weighted = sum(size * record.parts[name] for size, record in zip((8, 8, 3), batches, strict=True))
            assert mean == pytest.approx(weighted / IMAGES)
        assert epoch.images_per_second > 0
    assert epochs[0].train is None
    assert epochs[0].images_per_second is None
    assert steps[-1].seconds <= epochs[-1].seconds


def test_a_line_of_the_log_is_flat(data):
    (*_, step), (*_, epoch) = run(make(model=VQVAEOptions(channels=(2, 3), codes=4)), data)
    assert step.line()["kind"] == "step"
    assert {"step", "epoch", "loss", "reconstruction", "commitment", "learning_rate", "seconds"} <= step.line().keys()
    assert epoch.line()["loss"] == epoch.validation["loss"]
    assert epoch.line()["train_loss"] == epoch.train["loss"]
    assert {"best", "final_loss", "beta", "images_per_second"} <= epoch.line().keys()


def test_the_first_loss_is_that_of_the_fresh_model(data):
    """The step's loss is before the step, on its own batch, images and noise drawn in the order that is promised."""
    options = make()
    (first, *_), _ = run(options, data)
    model, generator = fresh(options, data), torch.Generator().manual_seed(options.seed)
    chosen = torch.randperm(IMAGES, generator=generator)[:BATCH]
    eps = torch.randn(BATCH, 2, generator=generator)
    x = data.train.images[chosen]
    assert first.parts["loss"] == model.loss(model(x, eps, None), x, schedules.Weights()).loss.item()


@pytest.mark.parametrize("z", ["sampled", "mu"])
def test_validation_is_of_the_objective_of_that_moment(z, data):
    kl = KLOptions(schedule="linear", warmup=1.0, free_bits=0.05)
    options = make(model=BetaVAEOptions(**vars(SMALL) | {"beta": 3.0}), kl=kl, z=z)
    model = fresh(options, data)
    for record in training.train(model, data, options):
        if isinstance(record, records.EpochRecord):
            weights = schedules.weights_at(kl, 3.0, record.epoch / EPOCHS)
            assert record.beta == weights.beta == pytest.approx(3.0 * record.epoch / EPOCHS)
            assert record.validation == training.measure(model, data.validation, weights, z, options.seed)
            final = training.measure(model, data.validation, schedules.Weights(3.0, 0.05, 1.0), z, options.seed)
            assert record.final_loss == final["loss"]
            assert (record.final_loss == record.validation["loss"]) == (record.epoch == EPOCHS)


def test_best_is_judged_by_the_final_objective(data, monkeypatch):
    """While beta grows, the moving objective is smallest before any training; the final one is not."""
    losses = iter([(50.0, 90.0), (10.0, 80.0), (20.0, 60.0), (30.0, 70.0)])
    monkeypatch.setattr(
        training, "measure_under", lambda *arguments, **choices: [{"loss": loss} for loss in next(losses)]
    )
    _, epochs = run(make(), data)
    assert [record.best for record in epochs] == [False, True, True, False]
    assert [record.final_loss for record in epochs] == [90.0, 80.0, 60.0, 70.0]


def test_without_validation_nothing_is_best(data):
    _, epochs = run(make(), dataclasses.replace(data, validation=None))
    assert [record.epoch for record in epochs] == [1, 2, 3]
    assert not any(record.best for record in epochs)
    assert epochs[-1].validation is epochs[-1].final_loss is None
    assert "loss" not in epochs[-1].line()


# What is random


def test_the_seed_decides_everything(data):
    options = [make(seed=seed, data=DataOptions(binarise="dynamic")) for seed in (0, 0, 1)]
    torch.manual_seed(1)
    first, again, other = (training.fit(each, data).state_dict() for each in options)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_torchs_own_generator_is_left_alone(data):
    before = torch.random.get_rng_state()
    training.fit(make(), data)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_validation_leaves_training_as_it_is(data):
    """The same weights with and without it: it takes no random numbers and changes no mode."""
    with_validation = training.fit(make(), data).state_dict()
    without = training.fit(make(), dataclasses.replace(data, validation=None)).state_dict()
    assert all(torch.equal(with_validation[name], without[name]) for name in without)


def test_fit_shows_every_record_and_gives_the_model_in_eval_mode(data):
    seen = []
    model = training.fit(make(), data, seen.append)
    assert len(seen) == EPOCHS * STEPS + EPOCHS + 1
    assert not model.training


# Measuring


def test_a_measurement_is_the_mean_over_images_however_batches_fall(data):
    model = fresh(make(), data)
    whole = training.measure(model, data.test, schedules.Weights(), "mu")
    for batch_size in (1, 3, 10):
        assert training.measure(model, data.test, schedules.Weights(), "mu", 0, batch_size) == pytest.approx(whole)


def test_a_measurement_draws_z_or_takes_its_mean(data):
    model, x = fresh(make(), data), data.test.images
    by_hand = model.loss(model(x, torch.zeros(10, 2), None), x, schedules.Weights())
    assert training.measure(model, data.test, schedules.Weights(), "mu")["loss"] == pytest.approx(by_hand.loss.item())
    eps = torch.randn(10, 2, generator=torch.Generator().manual_seed(5))
    by_hand = model.loss(model(x, eps, None), x, schedules.Weights())
    came = training.measure(model, data.test, schedules.Weights(), "sampled", seed=5)
    assert came == pytest.approx({name: value.item() for name, value in by_hand._asdict().items()})


@pytest.mark.parametrize("mode", [True, False])
def test_a_measurement_leaves_the_mode_and_takes_no_gradients(mode, data):
    model = fresh(make(), data).train(mode)
    training.measure(model, data.test, schedules.Weights())
    assert model.training == mode
    assert all(value.grad is None for value in model.parameters())


def test_a_batch_of_no_images_is_refused(data):
    with pytest.raises(InputError, match="batch_size"):
        training.measure(fresh(make(), data), data.test, schedules.Weights(), batch_size=0)


# Precision


@pytest.mark.parametrize("precision", ["float32", "bf16", "float64"])
def test_precision(precision, data, monkeypatch):
    dtype = data_module.DTYPES[precision]
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    as_dtype = {name: data_module.Part(part.images.to(dtype), part.labels) for name, part in parts.items()}
    data = dataclasses.replace(data, **as_dtype)
    computed, given = set(), set()
    options = make(precision=precision)
    model = fresh(options, data)
    model.encoder.fc.register_forward_hook(lambda module, inputs, output: computed.add(output.dtype))
    loss = model.loss
    monkeypatch.setattr(model, "loss", lambda run, x, weights: given.add(run.outputs.dtype) or loss(run, x, weights))
    steps, epochs = run(options, data, model)
    assert computed == {torch.bfloat16 if precision == "bf16" else dtype}
    assert given == {dtype}
    assert all(value.dtype == dtype for value in model.parameters())
    assert epochs[-1].validation["loss"] < epochs[0].validation["loss"]
    assert math.isfinite(steps[-1].parts["loss"])


def test_bf16_stays_near_float32(data):
    (first, *_), _ = run(make(), data)
    (rounded, *_), _ = run(make(precision="bf16"), data)
    assert rounded.parts["loss"] == pytest.approx(first.parts["loss"], rel=0.01)
    assert rounded.parts["loss"] != first.parts["loss"]


# Ends


def test_images_of_another_shape_are_refused(data):
    options = make()
    model = models.make_model(options.model, (1, 12, 12), 3)
    with pytest.raises(InputError, match=r"expected \(1, 12, 12\).*got \(1, 8, 8\)"):
        next(training.train(model, data, options))


def test_a_training_that_diverges_says_where_and_how(data):
    options = make(optimizer=OptimizerOptions(learning_rate=1e30))
    with pytest.raises(Diverged) as caught:
        run(options, data)
    assert "step 2 (epoch 1)" in str(caught.value)
    assert "learning rate" in str(caught.value)
    assert "reaches" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_not_finite_takes_no_step(data):
    options = make()
    model = fresh(options, data)
    state = training.begin(model, options)
    steps = iter(training.train(model, data, options, state))
    next(steps), next(steps)
    with torch.no_grad():
        model.decoder.fc1.bias[0] = math.nan
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(Diverged, match=r"step 2 .*decoder.fc1.bias holds NaN"):
        next(steps)
    assert all(torch.equal(value.nan_to_num(), before[name].nan_to_num()) for name, value in model.state_dict().items())


def test_a_device_that_runs_ahead_is_read_now_and_then(data, monkeypatch):
    """As on a GPU: the same records, only later, and a loss that is not finite is still found and counted."""
    steps, epochs = run(make(), data)
    monkeypatch.setattr(training, "computes_in_step", lambda device: False)
    monkeypatch.setattr(training, "READ_EVERY", 2)
    late_steps, late_epochs = run(make(), data)
    assert [(r.step, r.epoch, r.parts) for r in late_steps] == [(r.step, r.epoch, r.parts) for r in steps]
    assert [record.validation for record in late_epochs] == [record.validation for record in epochs]
    with pytest.raises(Diverged, match=r"step 2 \(epoch 1\)"):
        run(make(optimizer=OptimizerOptions(learning_rate=1e30)), data)


@pytest.mark.parametrize(
    "model",
    [IWAEOptions(**vars(SMALL)), AutoencoderOptions(**vars(SMALL)), VQVAEOptions(), BetaVAEOptions(capacity=5.0)],
    ids=lambda options: type(options).__name__,
)
def test_models_without_a_kl_term_to_hold_back_refuse_a_schedule(model):
    make(model=model)
    with pytest.raises(InputError, match=r"^kl: "):
        make(model=model, kl=KLOptions(schedule="linear"))
