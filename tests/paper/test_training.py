"""The training loop around the models: what is measured and when, what is random, precision, and how it ends."""

import dataclasses
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import foundation.training  # noqa: E402
from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import Diverged, InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions  # noqa: E402
from foundation.records import EpochRecord, StepRecord  # noqa: E402
from foundation.schedules import learning_rate_at  # noqa: E402
from foundation.training import begin, draw_eps, evaluate, train  # noqa: E402
from paper.models.options import BetaVAEOptions, VAEOptions, VQVAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from paper.rung import ModelRung, make_optimizer, make_rung  # noqa: E402
from paper.training import tensorboard  # noqa: E402
from paper.training.device import DTYPES, choose_device  # noqa: E402
from paper.training.fit import fit, measure, to_arrays, to_tensors  # noqa: E402
from tests.support.records import EPOCH, STEP  # noqa: E402

SMALL = VAEOptions(channels=(2, 3), hidden_dims=(5,), latent_dim=2)
IMAGES, BATCH, EPOCHS = 19, 8, 3
STEPS = 3


@pytest.fixture
def data():
    rng = np.random.default_rng(0)

    def part(count, split):
        images = rng.random((count, 1, 8, 8), dtype=np.float32)
        return Dataset("noise", split, images, np.arange(count) % 3, ("a", "b", "c"))

    return Data("noise", part(IMAGES, "train"), part(7, "validation"), part(10, "test"))


def make(model=SMALL, **choices):
    return TrainOptions(model=model, epochs=EPOCHS, batch_size=BATCH, device="cpu", **choices)


def fresh(options, data):
    """A training before its first step."""
    rng = np.random.default_rng(options.seed)
    return begin(make_rung(options, data.image_shape, len(data.classes), rng), data, options, rng)


def run(options, data, training=None):
    """All records of a training."""
    records = list(train(training or fresh(options, data)))
    steps = [record for record in records if isinstance(record, StepRecord)]
    return steps, [record for record in records if isinstance(record, EpochRecord)]


# The optimiser


def test_every_step_is_taken_with_its_own_rate(data, monkeypatch):
    taken, step = [], torch.optim.Adam.step

    def watch(self, *arguments):
        taken.append(self.param_groups[0]["lr"])
        step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", watch)
    options = make(optimizer=OptimizerOptions(schedule="cosine", warmup=0.3))
    steps, epochs = run(options, data)
    total = EPOCHS * STEPS
    assert taken == [learning_rate_at(options.optimizer, step / total) for step in range(total)]
    assert [record.learning_rate for record in steps] == taken
    assert epochs[-1].learning_rate == pytest.approx(0)


def test_weight_decay_is_adamws(data):
    decaying = OptimizerOptions(name="adamw", weight_decay=0.1)
    optimizer = make_optimizer(fresh(make(), data).rung.model, decaying)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
    decayed, plain = (fit(make(optimizer=each), data).state_dict() for each in (decaying, OptimizerOptions()))
    names = [name for name in plain if name.endswith(".weight")]
    assert sum(decayed[name].norm() for name in names) < sum(plain[name].norm() for name in names)


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
    assert epoch.line()["loss"] == epoch.held_out["loss"]
    assert epoch.line()["train_loss"] == epoch.train["loss"]
    assert epoch.line()["split"] == "validation"
    assert {"best", "held_out_beta", "beta", "images_per_second"} <= epoch.line().keys()


def test_the_first_loss_is_that_of_the_fresh_model(data):
    """The step's loss is before the step, on its own batch, everything drawn in the order that is promised."""
    options = make()
    (first, *_), _ = run(options, data)
    rng = np.random.default_rng(options.seed)
    model = make_model(options.model, data.image_shape, 3, rng)
    draw_eps(rng, (7, 2), np.float32)  # the noise of the validation images
    chosen = rng.permutation(IMAGES)[:BATCH]
    eps = torch.from_numpy(draw_eps(rng, (BATCH, 2), np.float32))
    x = torch.from_numpy(data.train.images[chosen])
    assert first.parts["loss"] == model.loss(model(x, eps, None), x, Objective()).loss.item()


@pytest.mark.parametrize("z", ["sampled", "mu"])
def test_validation_is_of_the_objective_that_training_ends_with(z, data):
    kl = KLOptions(schedule="linear", warmup=1.0, free_bits=0.05)
    options = make(model=BetaVAEOptions(**vars(SMALL) | {"beta": 3.0}), kl=kl, z=z)
    training = fresh(options, data)
    eps = training.eps if z == "sampled" else np.zeros_like(training.eps)
    for record in train(training):
        if isinstance(record, EpochRecord):
            assert record.beta == pytest.approx(3.0 * record.epoch / EPOCHS)
            final = Objective(beta=3.0, free_bits=0.05)
            assert record.held_out == evaluate(training.rung, data.validation, eps, final)
            assert record.held_out_beta == 3.0


def test_best_is_judged_by_the_final_objective(data, monkeypatch):
    """While beta grows, the moving objective is smallest before any training; the final one is not."""
    options = make(kl=KLOptions(schedule="linear", warmup=1.0))
    losses = {0: 10.0, 1: 80.0, 2: 60.0, 3: 70.0}
    counted = iter(losses.values())

    def evaluated(rung, part, eps, objective):
        assert objective == Objective()
        return {"loss": next(counted)}

    monkeypatch.setattr(foundation.training, "evaluate", evaluated)
    _, epochs = run(options, data)
    assert [record.best for record in epochs] == [False, True, True, False], "epoch 0 is no training"
    assert [record.held_out["loss"] for record in epochs] == list(losses.values())


def test_without_validation_the_test_images_are_measured_and_nothing_is_best(data):
    training = fresh(make(), dataclasses.replace(data, validation=None))
    _, epochs = run(training.options, training.data, training)
    assert [record.epoch for record in epochs] == [0, 1, 2, 3]
    assert {record.split for record in epochs} == {"test"}
    assert not any(record.best for record in epochs)
    assert epochs[-1].held_out == evaluate(training.rung, data.test, training.eps, Objective())


# What is random


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_seed_decides_everything(data):
    options = [make(seed=seed, data=DataOptions(binarise="dynamic")) for seed in (0, 0, 1)]
    torch.manual_seed(1)
    first, again, other = (fit(each, data).state_dict() for each in options)
    assert same(first, again)
    assert not same(first, other)


def test_torchs_own_generator_is_left_alone(data):
    before = torch.random.get_rng_state()
    fit(make(), data)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_measuring_leaves_training_as_it_is(data):
    """The same weights whatever is measured after an epoch: it takes no random numbers and changes no mode."""
    weights = fit(make(), data).state_dict()
    for choices in (
        {"options": make(z="mu"), "data": data},
        {"options": make(), "data": dataclasses.replace(data, validation=None, test=data.validation)},
        {"options": make(), "data": dataclasses.replace(data, validation=data.test.subset(slice(0, 7)))},
    ):
        assert same(weights, fit(**choices).state_dict())


def test_fit_shows_every_record_and_gives_the_model_in_eval_mode(data):
    seen = []
    model = fit(make(), data, seen.append)
    assert len(seen) == EPOCHS * STEPS + EPOCHS + 1
    assert not model.training


def test_fit_takes_tensors_as_well(data):
    tensors = to_tensors(data)
    assert all(isinstance(array, torch.Tensor) for array in (tensors.train.images, tensors.validation.labels))
    for part, back in zip((data.train, data.test), (to_arrays(tensors).train, to_arrays(tensors).test), strict=True):
        np.testing.assert_array_equal(back.images, part.images)
        np.testing.assert_array_equal(back.labels, part.labels)
    assert same(fit(make(), data).state_dict(), fit(make(), tensors).state_dict())
    assert to_tensors(data, dtype=torch.float64).test.images.dtype == torch.float64


# Measuring


@pytest.fixture
def model(data):
    return make_model(SMALL, data.image_shape, 3)


def test_a_measurement_is_the_mean_over_images_however_batches_fall(data, model):
    whole = measure(model, data.test, Objective(), "mu")
    for batch_size in (1, 3, 10):
        assert measure(model, data.test, Objective(), "mu", 0, batch_size) == pytest.approx(whole)


def test_a_measurement_draws_z_or_takes_its_mean(data, model):
    x = torch.from_numpy(data.test.images)
    by_hand = model.loss(model(x, torch.zeros(10, 2), None), x, Objective())
    assert measure(model, data.test, Objective(), "mu")["loss"] == pytest.approx(by_hand.loss.item())
    eps = torch.from_numpy(draw_eps(np.random.default_rng(5), (10, 2), np.float32))
    by_hand = model.loss(model(x, eps, None), x, Objective())
    found = measure(model, data.test, Objective(), "sampled", seed=5)
    assert found == pytest.approx({name: value.item() for name, value in by_hand._asdict().items()})
    assert found == measure(model, to_tensors(data).test, Objective(), "sampled", seed=5)


@pytest.mark.parametrize("mode", [True, False])
def test_a_measurement_leaves_the_mode_and_takes_no_gradients(mode, data, model):
    model.train(mode)
    measure(model, data.test, Objective())
    assert model.training == mode
    assert all(value.grad is None for value in model.parameters())


def test_a_batch_of_no_images_is_refused(data, model):
    with pytest.raises(InputError, match="at least one image a batch, got 10 images and a batch of 0"):
        measure(model, data.test, Objective(), batch_size=0)


# Precision


@pytest.mark.parametrize("precision", ["float32", "bf16", "float64"])
def test_precision(precision, data, monkeypatch):
    dtype = DTYPES[precision]
    data = to_arrays(to_tensors(data, dtype=dtype))
    computed, given = set(), set()
    options = make(precision=precision)
    training = fresh(options, data)
    model = training.rung.model
    evaluate(training.rung, data.test, np.zeros((10, 2), data.test.images.dtype), Objective())
    model.encoder.fc.register_forward_hook(lambda module, inputs, output: computed.add(output.dtype))
    loss = model.loss
    monkeypatch.setattr(model, "loss", lambda run, x, objective: given.add(run.logits.dtype) or loss(run, x, objective))
    steps, epochs = run(options, data, training)
    assert computed == {torch.bfloat16 if precision == "bf16" else dtype}
    assert given == {dtype}
    assert all(value.dtype == dtype for value in model.parameters())
    assert epochs[-1].held_out["loss"] < epochs[0].held_out["loss"]
    assert math.isfinite(steps[-1].parts["loss"])


def test_bf16_stays_near_float32(data):
    (first, *_), _ = run(make(), data)
    (rounded, *_), _ = run(make(precision="bf16"), data)
    assert rounded.parts["loss"] == pytest.approx(first.parts["loss"], rel=0.01)
    assert rounded.parts["loss"] != first.parts["loss"]


# Ends


def test_images_of_another_shape_are_refused(data):
    options, rng = make(), np.random.default_rng(0)
    rung = make_rung(options, (1, 12, 12), 3, rng)
    with pytest.raises(InputError, match=r"train images: expected \(1, 12, 12\) each, got \(1, 8, 8\)"):
        begin(rung, data, options, rng)


def test_images_without_labels_are_refused(data):
    short = dataclasses.replace(data.train, labels=data.train.labels[:-1])
    with pytest.raises(InputError, match="train images: expected a label each, got 19 images and 18 labels"):
        fit(make(), dataclasses.replace(data, train=short))


def test_a_training_that_diverges_says_where_and_how(data):
    options = make(optimizer=OptimizerOptions(learning_rate=1e30))
    with pytest.raises(Diverged) as caught:
        run(options, data)
    assert "step 2 (epoch 1)" in str(caught.value)
    assert "learning rate" in str(caught.value)
    assert "reaches" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_not_finite_takes_no_step(data):
    training = fresh(make(), data)
    steps, model = train(training), training.rung.model
    next(steps), next(steps)
    with torch.no_grad():
        model.decoder.fc1.bias[0] = math.nan
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(Diverged, match=r"step 2 .*decoder.fc1.bias holds NaN"):
        next(steps)
    assert all(torch.equal(value.nan_to_num(), before[name].nan_to_num()) for name, value in model.state_dict().items())


def test_a_device_that_runs_ahead_is_read_now_and_then(data):
    """As on a GPU: the same records, only later, and a loss that is not finite is still found and counted."""
    steps, epochs = run(make(), data)

    def run_late(options):
        training = fresh(options, data)
        training.rung.read_every = 2
        return run(options, data, training)

    late_steps, late_epochs = run_late(make())
    assert [(r.step, r.epoch, r.parts) for r in late_steps] == [(r.step, r.epoch, r.parts) for r in steps]
    assert [record.held_out for record in late_epochs] == [record.held_out for record in epochs]
    with pytest.raises(Diverged, match=r"step 2 \(epoch 1\)"):
        run_late(make(optimizer=OptimizerOptions(learning_rate=1e30)))


# Devices


def test_auto_takes_what_is_there():
    device = choose_device("auto")
    assert torch.zeros(1, device=device).device.type == device.type
    assert device.type == ("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda:99", "quantum", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(InputError) as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)
    assert repr(name) in str(caught.value)


# The summary


def test_summary_lists_every_layer_with_its_output():
    text = ModelRung(make_model(VAEOptions(latent_dim=20), (1, 28, 28), 10)).summary()
    lines = [" ".join(line.lstrip("│├└─ ").split()) for line in text.splitlines() if "└─" in line]
    assert lines[0] == "Conv2d (conv1) [3, 3] [1, 32, 14, 14] 320"
    assert lines[-1] == "ConvTranspose2d (conv_transpose2) [3, 3] [1, 1, 28, 28] 289"
    assert sum(int(line.split()[-1].replace(",", "")) for line in lines) == 1_662_249
    assert "Total params: 1,662,249" in text
    assert "Units" not in text


def test_summary_of_a_codebook_that_gradients_do_not_move():
    model = make_model(VQVAEOptions(codes=5, code_dim=2), (1, 28, 28), 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    text = ModelRung(model).summary()
    (line,) = (line for line in text.splitlines() if "(codebook)" in line)
    assert line.split()[-1] == "--", "no parameters"
    assert same(before, model.state_dict())
    assert model.training
    calls = [module for module in model.modules() if module._forward_hooks]
    assert not calls, "no hook stays behind"


# TensorBoard


def test_without_tensorboard_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda name: None)
    with tensorboard.scalar_writer(tmp_path, 0) as write:
        write(EPOCH)
    assert not any(tmp_path.iterdir())


def test_with_tensorboard_losses_are_written(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with tensorboard.scalar_writer(tmp_path, 0) as write:
        for step in range(1, 21):
            write(dataclasses.replace(STEP, step=step))
        write(EPOCH)
    found = events.EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [10, 20]
    assert found.Scalars("validation/kl")[0].value == 30


def test_a_likelihood_of_levels_is_trained_on_levels(data):
    options = make(model=dataclasses.replace(SMALL, likelihood="discretised-logistic"))
    with pytest.raises(InputError, match=r"^train images: expected pixels on the 256 levels"):
        fit(options, data)
    levels = data.convert(lambda array: (255 * array).round() / np.float32(255) if array.dtype.kind == "f" else array)
    start = make_model(options.model, data.image_shape, 3, options.seed)
    before, after = (measure(model, levels.train, options.model.objective()) for model in (start, fit(options, levels)))
    assert 0 < after["loss"] < before["loss"]
