"""The training loop: what it draws, what it feeds, what it reports, and how it stops."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import Diverged, InputError
from foundation.files import to_json
from foundation.objective import Loss, Objective
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions
from foundation.records import EpochRecord, StepRecord
from foundation.rung import Rung, Traits, describe_architecture
from foundation.runs import create_run
from foundation.schedules import learning_rate_at, objective_at
from foundation.training import Training, begin, draw_eps, evaluate, measure_test, train, worst_tensor
from paper.models.options import BetaVAEOptions

SMALL = Architecture(latent_dim=2, channels=(2, 3), hidden_dim=5, image_shape=(1, 4, 8))


class MeanRung(Rung):
    """The least that trains: one logit per pixel, learned by plain gradient descent, and a pretended KL."""

    name = "mean"
    description = describe_architecture(SMALL)
    traits = Traits()
    dtype = np.dtype(np.float32)
    device = "cpu"
    read_every = 1
    processes = 1

    def __init__(self) -> None:
        self.logits = np.zeros(SMALL.image_shape)
        self.learning_rate = math.nan  # the loop sets it before every step
        self.steps: list[tuple[np.ndarray, np.ndarray]] = []
        self.labels: list[np.ndarray | None] = []
        self.evaluations: list[tuple[np.ndarray, np.ndarray, Objective]] = []

    def noise_shape(self, count: int) -> tuple[int, ...]:
        return count, SMALL.latent_dim

    def loss(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        reconstruction = float((np.logaddexp(0, self.logits) - self.logits * x).sum() / len(x))
        kl = float(np.square(eps).sum() / len(x))
        return Loss(reconstruction + objective.beta * kl, reconstruction, kl)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-self.logits)) - x).mean(axis=0)

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
        self.steps.append((x, eps))
        self.labels.append(labels)
        loss = self.loss(x, eps, objective)
        self.logits -= self.learning_rate * self.gradient(x)
        return loss

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
        self.evaluations.append((x, eps, objective))
        return self.loss(x, eps, objective)

    def activations(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None = None) -> Parameters:
        return {"mu": eps, "logvar": eps, "logits": np.broadcast_to(self.logits, x.shape)}

    def parameters(self) -> Parameters:
        return {"bias": self.logits.copy()}


def images(count: int, seed: int = 0, dtype: type = np.float32, architecture: Architecture = SMALL) -> np.ndarray:
    """Images that all differ, with something to learn: each pixel has its own mean."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).uniform(0.1, 0.9, architecture.image_shape)
    return (means + rng.uniform(-0.1, 0.1, (count, *architecture.image_shape))).astype(dtype)


def dataset(x: np.ndarray, split: str = "train") -> Dataset[np.ndarray]:
    """Images with the labels 0, 1, 2, 0, ..."""
    return Dataset("noise", split, x, np.arange(len(x)) % 3, ("a", "b", "c"))


def make_data(train: np.ndarray, test: np.ndarray, validation: np.ndarray | None = None) -> Data[np.ndarray]:
    """The parts of a data set."""
    kept = None if validation is None else dataset(validation, "validation")
    return Data("noise", dataset(train), kept, dataset(test, "test"))


def make_options(beta: float = 1.0, learning_rate: float = 1.0, **choices: Any) -> TrainOptions:
    """Three epochs in batches of four, unless chosen otherwise."""
    optimizer = OptimizerOptions(learning_rate=learning_rate)
    choices = {"epochs": 3, "batch_size": 4, "optimizer": optimizer, "data": DataOptions(validation=0.0)} | choices
    return TrainOptions(model=BetaVAEOptions(latent_dim=2, channels=(2, 3), hidden_dims=(5,), beta=beta), **choices)


def start(
    rung: Rung, count: int = 10, seed: int = 0, parts: Data[np.ndarray] | None = None, **choices: Any
) -> Training:
    """A training of that rung on `count` images, seven test images beside them, or on other parts."""
    parts = parts or make_data(images(count), images(7, seed=1))
    return begin(rung, parts, make_options(**choices), np.random.default_rng(seed))


def run(rung: Rung, **choices: Any) -> list:
    """All records of a training."""
    return list(train(start(rung, **choices)))


def split(records: list) -> tuple[list[StepRecord], list[EpochRecord]]:
    return [r for r in records if isinstance(r, StepRecord)], [r for r in records if isinstance(r, EpochRecord)]


def test_one_record_a_step_and_one_an_epoch() -> None:
    records = run(MeanRung())
    step, epoch = StepRecord, EpochRecord
    assert [type(r) for r in records] == [epoch, *3 * [step, step, step, epoch]]
    steps, epochs = split(records)
    assert [r.step for r in steps] == list(range(1, 10))
    assert [r.epoch for r in steps] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [(r.epoch, r.step) for r in epochs] == [(0, 0), (1, 3), (2, 6), (3, 9)]
    for record in records[1:]:
        line = record.line()
        assert (line.pop("kind"), line.pop("split", "test")) in {("step", "test"), ("epoch", "test")}
        assert all(isinstance(value, float | int) for value in line.values())


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 128, [3]), (3, 1, [1, 1, 1]), (1, 1, [1]), (5, 5, [5]), (5, 6, [5])],
)
def test_each_epoch_sees_every_image_once_in_an_order_of_its_own(count: int, batch_size: int, sizes: list) -> None:
    rung = MeanRung()
    run(rung, count=count, batch_size=batch_size)
    assert [len(x) for x, _ in rung.steps] == 3 * sizes
    assert all(eps.shape == (len(x), SMALL.latent_dim) for x, eps in rung.steps)
    seen = np.concatenate([x for x, _ in rung.steps]).reshape(3, count, -1)
    for epoch in seen:
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(images(count).reshape(count, -1), axis=0))
    if count >= 8:
        assert not np.array_equal(seen[0], images(count).reshape(count, -1))
        assert not np.array_equal(seen[0], seen[1])


def test_every_image_comes_with_its_label() -> None:
    rung = MeanRung()
    run(rung)
    label_of = {x.tobytes(): i % 3 for i, x in enumerate(images(10))}
    for (x, _), labels in zip(rung.steps, rung.labels, strict=True):
        assert labels is not None
        assert [label_of[image.tobytes()] for image in x] == labels.tolist()


@pytest.mark.parametrize("binarise", ["none", "dynamic"])
def test_the_documented_order_of_draws(binarise: Any) -> None:
    """Held-out noise once, then per epoch a permutation, per batch its pixels and its noise: a contract between rungs.

    The pixels are drawn in float32, where they are dynamic.
    """
    rung, rng = MeanRung(), np.random.default_rng(5)
    run(rung, seed=5, data=DataOptions(validation=0.0, binarise=binarise))
    np.testing.assert_array_equal(rung.evaluations[0][1], rng.standard_normal((7, 2)).astype(np.float32))
    batches = iter(rung.steps)
    for _ in range(3):
        order = rng.permutation(10)
        for first in (0, 4, 8):
            x, eps = next(batches)
            expected = images(10)[order[first : first + 4]]
            if binarise == "dynamic":
                expected = (rng.random(expected.shape, dtype=np.float32) < expected).astype(np.float32)
            np.testing.assert_array_equal(x, expected)
            np.testing.assert_array_equal(eps, rng.standard_normal((len(x), 2)).astype(np.float32))


def test_the_noise_of_the_test_loss_stays_and_that_of_training_does_not() -> None:
    rung = MeanRung()
    run(rung)
    first = rung.evaluations[0]
    assert len(rung.evaluations) == 4
    for x, eps, _ in rung.evaluations:
        np.testing.assert_array_equal(x, images(7, seed=1))
        np.testing.assert_array_equal(eps, first[1])
    assert len({eps.tobytes() for _, eps in rung.steps}) == 9


def test_both_dtypes_see_the_same_noise() -> None:
    single, double = (draw_eps(np.random.default_rng(0), (1000, 3), dtype) for dtype in (np.float32, np.float64))
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(single, double.astype(np.float32))
    assert abs(double.mean()) < 0.05
    assert abs(double.std() - 1) < 0.05


def test_the_same_seed_gives_the_same_records() -> None:
    def numbers(seed: int) -> list:
        return [dataclasses.replace(r, seconds=0.0) for r in split(run(MeanRung(), seed=seed))[0]]

    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)


def test_the_loss_goes_down_and_the_epoch_means_weigh_images_alike() -> None:
    rung = MeanRung()
    steps, epochs = split(run(rung, beta=0.5))
    reconstructions = [epoch.held_out["reconstruction"] for epoch in epochs]
    assert reconstructions[-1] < reconstructions[1] < reconstructions[0]
    for i, epoch in enumerate(epochs[1:]):
        batches = steps[3 * i : 3 * i + 3]
        assert epoch.train is not None
        for name in ("loss", "reconstruction", "kl"):
            by_hand = np.dot([4, 4, 2], [r.parts[name] for r in batches]) / 10
            assert epoch.train[name] == pytest.approx(by_hand, rel=1e-12)
    for beta, parts in [(r.beta, r.parts) for r in steps] + [(r.beta, r.held_out) for r in epochs]:
        assert beta == 0.5
        assert parts["loss"] == pytest.approx(parts["reconstruction"] + 0.5 * parts["kl"], rel=1e-12)


def test_epoch_0_is_before_training() -> None:
    rung = MeanRung()
    first = next(train(start(rung, count=4, epochs=1)))
    assert rung.steps == []
    assert isinstance(first, EpochRecord)
    assert first.held_out["reconstruction"] == pytest.approx(32 * math.log(2))
    assert first.seconds == 0
    assert (first.train, first.images_per_second) == (None, None)
    assert not [name for name in first.line() if name.startswith("train_")]


def test_only_training_steps_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that a step moves by 2 s, an evaluation by 50 s and the caller by 1000 s."""
    now = [0.0]
    monkeypatch.setattr("foundation.training.time.perf_counter", lambda: now[0])

    class Slow(MeanRung):
        def step(self, *batch: Any) -> Any:
            now[0] += 2
            return super().step(*batch)

        def evaluate(self, *batch: Any) -> Any:
            now[0] += 50
            return super().evaluate(*batch)

    records = []
    for record in train(start(Slow(), epochs=2)):
        now[0] += 1000
        records.append(record)
    steps, epochs = split(records)
    assert [r.seconds for r in steps] == [2, 4, 6, 8, 10, 12]
    assert [r.seconds for r in epochs] == [0, 6, 12]
    assert [r.images_per_second for r in epochs[1:]] == [10 / 6, 10 / 6]


def test_losses_that_wait_to_be_read_are_recorded_step_by_step() -> None:
    """On a GPU the loop reads several losses at once, and what is left at the end of an epoch."""

    class Ahead(MeanRung):
        read_every = 2

    def numbers(rung: Rung) -> list:
        return [dataclasses.replace(r, seconds=0.0) for r in split(run(rung))[0]]

    assert numbers(Ahead()) == numbers(MeanRung())
    rung = Ahead()
    records = train(start(rung))
    next(records)
    first = next(records)
    assert isinstance(first, StepRecord)
    assert (first.step, len(rung.steps)) == (1, 2)


def test_records_are_what_a_run_logs(tmp_path: Path) -> None:
    log = create_run(tmp_path, "train", {})
    records = run(MeanRung())
    for record in records:
        log.log(**record.line())
    assert log.metrics() == [json.loads(to_json(record.line())) for record in records]
    before, step, *_, epoch = log.metrics()
    losses = ["loss", "reconstruction", "kl"]
    assert list(step) == ["kind", "step", "epoch", *losses, "beta", "learning_rate", "seconds"]
    assert list(before)[:6] == ["kind", "epoch", "step", *losses]
    assert {"train_loss", "beta", "images_per_second", "seconds"} <= epoch.keys()
    assert {"split", "held_out_beta", "best", "learning_rate"} <= epoch.keys() & before.keys()


# The schedules, the validation images, and the test images


def test_every_step_has_the_objective_and_the_rate_of_its_moment() -> None:
    class Watching(MeanRung):
        def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
            seen.append((objective, self.learning_rate))
            return super().step(x, eps, objective, labels)

    seen: list[tuple[Objective, float]] = []
    optimizer = OptimizerOptions(learning_rate=0.5, schedule="cosine", warmup=0.3)
    rung = Watching()
    training = start(rung, beta=3.0, kl=KLOptions(schedule="linear", warmup=0.5), optimizer=optimizer)
    steps, epochs = split(list(train(training)))
    options = training.options
    assert seen == [(objective_at(options, i / 9), learning_rate_at(optimizer, i / 9)) for i in range(9)]
    assert [(r.beta, r.learning_rate) for r in steps] == [(objective.beta, rate) for objective, rate in seen]
    assert [r.beta for r in epochs] == pytest.approx([0, 2, 3, 3])
    assert epochs[-1].learning_rate == pytest.approx(0)
    # Held-out images: the objective of the end, once an epoch.
    assert [objective for *_, objective in rung.evaluations] == [objective_at(options, 1.0)] * 4
    for record in epochs:
        assert record.held_out["loss"] == pytest.approx(record.held_out["reconstruction"] + 3 * record.held_out["kl"])
        assert record.held_out_beta == 3


def test_a_cyclical_schedule_never_shows_a_validation_loss_without_its_kl() -> None:
    cyclical = KLOptions(schedule="cyclical", cycles=3, warmup=0.5)
    training = start(MeanRung(), beta=2.0, kl=cyclical)
    _, epochs = split(list(train(training)))
    assert [record.beta for record in epochs] == [0, 0, 0, 2], "at the ends of cycles"
    for record in epochs:
        line = record.line()
        assert line["loss"] == pytest.approx(line["reconstruction"] + 2 * line["kl"])
        assert line["kl"] > 0
        assert (line["held_out_beta"], line["beta"]) == (2, record.beta)


@pytest.mark.parametrize("z", ["sampled", "mu"])
def test_validation_images_are_measured_where_there_are_some(z: Any) -> None:
    class Twice(MeanRung):
        """Learns for an epoch, then goes astray."""

        def step(self, *batch: Any) -> Any:
            loss = super().step(*batch)
            self.logits += 3 * (len(self.steps) > 3)
            return loss

    rung = Twice()
    parts = make_data(images(10), images(7, seed=1), validation=images(5, seed=2))
    training = start(rung, parts=parts, z=z)
    _, epochs = split(list(train(training)))
    assert {r.split for r in epochs} == {"validation"}
    for x, eps, _ in rung.evaluations:
        np.testing.assert_array_equal(x, images(5, seed=2))
        np.testing.assert_array_equal(eps, training.eps if z == "sampled" else 0)
    assert np.abs(training.eps).min() > 0
    assert [r.best for r in epochs] == [False, True, False, False]
    assert training.best == epochs[1].held_out["loss"]


def test_no_epoch_is_the_best_on_the_test_images() -> None:
    _, epochs = split(run(MeanRung()))
    assert {r.split for r in epochs} == {"test"}
    assert not any(r.best for r in epochs)


@pytest.mark.parametrize("aside", [0, 5])
def test_the_test_images_are_measured_with_z_drawn_and_with_its_mean(aside: int) -> None:
    """With the noise of the held-out images where they are these, else with noise drawn by the seed."""
    rung = MeanRung()
    validation = images(aside, seed=2) if aside else None
    training = start(rung, parts=make_data(images(10), images(7, seed=1), validation))
    losses = measure_test(training)
    eps = np.random.default_rng(0).standard_normal((7, 2)).astype(np.float32) if aside else training.eps
    assert list(losses) == ["sampled", "mu"]
    for (name, parts), noise in zip(losses.items(), (eps, np.zeros_like(eps)), strict=True):
        expected = rung.loss(images(7, seed=1), noise, Objective())
        assert list(parts.values()) == pytest.approx(list(expected)), name


@pytest.mark.parametrize("batch_size", [1, 3, 7, 512])
def test_evaluation_does_not_depend_on_the_batches(batch_size: int) -> None:
    rung, eps = MeanRung(), draw_eps(np.random.default_rng(0), (7, 2), np.float64)
    rung.logits += np.random.default_rng(1).normal(size=SMALL.image_shape)
    x = images(7, dtype=np.float64)
    whole = rung.loss(x, eps, Objective())
    found = evaluate(rung, dataset(x), eps, Objective(), batch_size)
    assert found == pytest.approx(whole._asdict(), rel=1e-12)
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize(("count", "batch_size"), [(0, 512), (7, 0), (7, -1)])
def test_evaluation_of_nothing(count: int, batch_size: int) -> None:
    with pytest.raises(InputError, match="at least one image"):
        evaluate(MeanRung(), dataset(images(count)), np.zeros((count, 2), np.float32), Objective(), batch_size)


def spoil(index: int, value: float) -> np.ndarray:
    x = images(5)
    x[index, 0, 1, 2] = value
    return x


BAD_IMAGES = [
    (spoil(3, np.nan), "image 3 holds NaN"),
    (spoil(4, np.inf), r"expected pixels in \[0, 1\], got 0.* to inf"),
    (spoil(2, -0.25), r"expected pixels in \[0, 1\], got -0.25 to 0\."),
    (spoil(2, 255), r"expected pixels in \[0, 1\], got 0.* to 255"),
    (images(5) * 2 - 1, r"expected pixels in \[0, 1\], got -0"),
    (images(0), r"expected at least one image, got shape \(0, 1, 4, 8\)"),
    (images(5).astype(np.float16), "expected images as float32 or float64, got float16"),
    (images(5).round().astype(np.uint8), "expected images as float32 or float64, got uint8"),
]


@pytest.mark.parametrize("which", ["train", "validation", "test"])
@pytest.mark.parametrize(("bad", "expected"), BAD_IMAGES)
def test_images_are_refused_before_the_first_step(which: str, bad: np.ndarray, expected: str) -> None:
    rung = MeanRung()
    parts = {"train": images(5), "test": images(5), "validation": images(5)} | {which: bad}
    with pytest.raises(InputError, match=f"^{which} images: {expected}") as caught:
        start(rung, parts=make_data(**parts))
    assert "\n" not in str(caught.value)
    assert rung.steps == rung.evaluations == []


def test_images_of_another_size_than_the_rung() -> None:
    x = images(5)[:, :, :, :4]
    with pytest.raises(InputError, match=r"train images: expected \(1, 4, 8\) each, got \(1, 4, 4\)"):
        start(MeanRung(), parts=make_data(x, x))


def test_images_at_the_ends_of_the_range_are_fine() -> None:
    x = images(5).round()
    assert set(np.unique(x)) == {0, 1}
    next(train(start(MeanRung(), parts=make_data(x, x))))


def test_every_process_needs_an_image_of_every_batch() -> None:
    class Shared(MeanRung):
        processes = 3

    start(Shared(), count=11)
    with pytest.raises(InputError, match=r"batch_size: .* of 10 images in batches of 4 .* 2; got 3 processes"):
        start(Shared(), count=10)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 0}, "epochs: expected an integer of at least 1, got 0"),
        ({"epochs": True}, "epochs"),
        ({"batch_size": 0}, "batch_size: expected an integer of at least 1, got 0"),
        ({"batch_size": -128}, "batch_size"),
        ({"seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ({"learning_rate": 0.0}, "learning_rate: expected a finite number > 0, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"learning_rate": math.inf}, "learning_rate"),
    ],
)
def test_options_are_checked(options: dict, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        make_options(**options)


def diverging(rung: MeanRung) -> str:
    with pytest.raises(Diverged) as caught:
        run(rung)
    assert "\n" not in str(caught.value)
    learned = "after step 0" not in str(caught.value) and "at step 1 " not in str(caught.value)
    remedy = "try a smaller learning rate" if learned else "nothing has been learned yet: try less extreme options"
    assert remedy in str(caught.value)
    return str(caught.value)


def test_nan_stops_at_its_step_with_the_tensor() -> None:
    class Breaks(MeanRung):
        def step(self, *batch: Any) -> Any:
            if len(self.steps) == 4:
                self.logits[0, 2, 1] = np.nan
            return super().step(*batch)

    rung = Breaks()
    line = diverging(rung)
    assert "step 5 (epoch 2): reconstruction nan, kl" in line
    assert "worst tensor: bias holds NaN or infinity" in line
    assert len(rung.steps) == 5


def test_an_overflow_with_finite_parameters_names_the_tensor_that_overflowed() -> None:
    class Overflows(MeanRung):
        def loss(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
            loss = super().loss(x, eps, objective)
            return loss._replace(loss=math.inf, kl=math.inf) if self.steps else loss

        def activations(self, *batch: Any) -> Parameters:
            found = super().activations(*batch)
            return found | {"logvar": found["logvar"] + 1815, "logits": np.full(3, np.nan)}

    line = diverging(Overflows())
    assert "step 1 (epoch 1): reconstruction" in line
    assert "kl inf" in line
    assert "logits holds NaN or infinity, logvar reaches 1.82e+03" in line


def test_a_test_loss_that_is_not_finite_stops_too() -> None:
    class LastStepBreaks(MeanRung):
        def step(self, *batch: Any) -> Any:
            loss = super().step(*batch)
            if len(self.steps) == 6:
                self.logits[:] = np.inf
            return loss

    assert "the test images after step 6" in diverging(LastStepBreaks())


def test_worst_tensor() -> None:
    whole = {"a": np.array([1.0, -5.0]), "b": np.array([3.0])}
    assert worst_tensor(whole) == "a reaches 5"
    broken = {"c": np.array([np.inf]), "d": np.array([np.nan])}
    assert worst_tensor(whole | broken) == "c holds NaN or infinity, a reaches 5"
    assert worst_tensor(dict(reversed(broken.items()))) == "d holds NaN or infinity"


def test_stopping_between_records_leaves_the_rung_usable() -> None:
    rung = MeanRung()
    records = train(start(rung))
    for record in records:
        if record.step == 2:
            records.close()  # type: ignore[attr-defined]  # a generator
            break
    assert len(rung.steps) == 2
    assert np.isfinite(rung.step(*rung.steps[0], Objective()).loss)


# The same loop around the real rung 1.


def numpy_rung(dtype: type = np.float32, seed: int = 0) -> tuple[Rung, np.random.Generator]:
    """A fresh rung and the generator that drew its values, as a training makes them."""
    from numpy_impl.rung import NumpyRung

    rng = np.random.default_rng(seed)
    return NumpyRung(SMALL, initial_parameters(SMALL, rng, dtype)), rng


def train_numpy(count: int = 50, dtype: type = np.float32, seed: int = 0, rate: float = 1e-3, **choices: int) -> tuple:
    rung, rng = numpy_rung(dtype, seed)
    parts = make_data(images(count, dtype=dtype), images(20, seed=1, dtype=dtype))
    return rung, list(train(begin(rung, parts, make_options(learning_rate=rate, **choices), rng)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rung_1_learns_and_repeats_itself_bit_for_bit(dtype: type) -> None:
    options = {"epochs": 4, "batch_size": 8, "rate": 1e-2, "dtype": dtype}
    (rung, records), (again, repeated), (other, _) = (train_numpy(**options, seed=seed) for seed in (0, 0, 1))
    steps, epochs = split(records)
    assert epochs[-1].held_out["loss"] < epochs[0].held_out["loss"] - 0.1
    assert epochs[-1].train["loss"] < epochs[1].train["loss"]
    for name, value in rung.parameters().items():
        assert value.dtype == dtype
        np.testing.assert_array_equal(again.parameters()[name], value, err_msg=name)
        assert not np.array_equal(other.parameters()[name], value)
    again_steps, again_epochs = split(repeated)
    assert [r.parts for r in again_steps] == [r.parts for r in steps]
    assert [(r.held_out, r.train) for r in again_epochs] == [(r.held_out, r.train) for r in epochs]


@pytest.mark.parametrize(("count", "batch_size", "steps"), [(50, 8, 7), (50, 1000, 1), (5, 1, 5), (1, 1, 1)])
def test_rung_1_takes_batches_of_any_size(count: int, batch_size: int, steps: int) -> None:
    _, records = train_numpy(count, epochs=1, batch_size=batch_size)
    assert records[-1].step == steps
    assert math.isfinite(records[-1].held_out["loss"])


def test_rung_1_evaluates_alike_in_any_batches() -> None:
    rung, rng = numpy_rung(np.float64)
    x, eps = images(20, dtype=np.float64), draw_eps(rng, (20, SMALL.latent_dim), np.float64)
    whole = rung.evaluate(x, eps, Objective(beta=3.0))._asdict()
    for batch_size in (1, 7, 20):
        assert evaluate(rung, dataset(x), eps, Objective(beta=3.0), batch_size) == pytest.approx(whole, rel=1e-12)


def test_rung_1_diverges_in_one_line_without_a_warning() -> None:
    with pytest.raises(Diverged, match=r"step \d+ \(epoch \d+\): .*worst tensor: \S+ .*try a smaller learning rate"):
        train_numpy(rate=1e4, epochs=50, batch_size=8)
