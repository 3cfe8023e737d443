"""The training loop: what it draws, what it feeds, what it reports, and how it stops."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.errors import Diverged, InputError
from foundation.files import to_json
from foundation.objective import Loss, Objective
from foundation.rung import Pass
from foundation.runs import create_run
from foundation.training import (
    EpochRecord,
    StepRecord,
    TrainingOptions,
    draw_eps,
    evaluate,
    train,
    worst_tensor,
)

SMALL = Architecture(latent_dim=2, channels=(2, 3), hidden_dim=5, image_shape=(1, 4, 8))


class MeanRung:
    """The least that is a rung: one logit per pixel, learned by plain gradient descent, and a pretended KL."""

    name = "mean"
    architecture = SMALL

    def __init__(self, learning_rate: float = 1.0) -> None:
        self.logits = np.zeros(SMALL.image_shape)
        self.learning_rate = learning_rate
        self.steps: list[tuple[np.ndarray, np.ndarray]] = []
        self.evaluations: list[tuple[np.ndarray, np.ndarray]] = []

    def loss(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        reconstruction = float((np.logaddexp(0, self.logits) - self.logits * x).sum() / len(x))
        kl = float(np.square(eps).sum() / len(x))
        return Loss(reconstruction + objective.beta * kl, reconstruction, kl)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-self.logits)) - x).mean(axis=0)

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        self.steps.append((x, eps))
        loss = self.loss(x, eps, objective)
        self.logits -= self.learning_rate * self.gradient(x)
        return loss

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        self.evaluations.append((x, eps))
        return self.loss(x, eps, objective)

    def differentiate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Pass:
        logits = np.broadcast_to(self.logits, x.shape)
        return Pass(eps, eps, logits, self.loss(x, eps, objective), {"bias": self.gradient(x)})

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def decode(self, z: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def sample(self, z: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def parameters(self) -> Parameters:
        return {"bias": self.logits.copy()}


def images(count: int, seed: int = 0, dtype: type = np.float32, architecture: Architecture = SMALL) -> np.ndarray:
    """Images that all differ, with something to learn: each pixel has its own mean."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).uniform(0.1, 0.9, architecture.image_shape)
    return (means + rng.uniform(-0.1, 0.1, (count, *architecture.image_shape))).astype(dtype)


def run(rung: object, count: int = 10, seed: int = 0, beta: float = 1.0, **options: float) -> list:
    options = TrainingOptions(**{"epochs": 3, "batch_size": 4} | options)
    data = images(count), images(7, seed=1)
    return list(train(rung, np.random.default_rng(seed), *data, Objective(beta=beta), options))


def split(records: list) -> tuple[list[StepRecord], list[EpochRecord]]:
    return [r for r in records if r.kind == "step"], [r for r in records if r.kind == "epoch"]


def test_one_record_a_step_and_one_an_epoch() -> None:
    records = run(MeanRung())
    assert [r.kind for r in records] == ["epoch", *3 * ["step", "step", "step", "epoch"]]
    steps, epochs = split(records)
    assert [r.step for r in steps] == list(range(1, 10))
    assert [r.epoch for r in steps] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [(r.epoch, r.step) for r in epochs] == [(0, 0), (1, 3), (2, 6), (3, 9)]
    assert all(isinstance(value, float | int) for r in records[1:] for name, value in vars(r).items() if name != "kind")


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 128, [3]), (3, 1, [1, 1, 1]), (1, 1, [1]), (5, 5, [5]), (5, 6, [5])],
)
def test_each_epoch_sees_every_image_once_in_an_order_of_its_own(count: int, batch_size: int, sizes: list) -> None:
    rung = MeanRung()
    run(rung, count, batch_size=batch_size)
    assert [len(x) for x, _ in rung.steps] == 3 * sizes
    assert all(eps.shape == (len(x), SMALL.latent_dim) for x, eps in rung.steps)
    seen = np.concatenate([x for x, _ in rung.steps]).reshape(3, count, -1)
    for epoch in seen:
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(images(count).reshape(count, -1), axis=0))
    if count >= 8:
        assert not np.array_equal(seen[0], images(count).reshape(count, -1))
        assert not np.array_equal(seen[0], seen[1])


def test_the_documented_order_of_draws() -> None:
    """Test noise once, then per epoch a permutation and the noise of each batch: a contract between rungs."""
    rung, rng = MeanRung(), np.random.default_rng(5)
    run(rung, seed=5)
    np.testing.assert_array_equal(rung.evaluations[0][1], rng.standard_normal((7, 2)).astype(np.float32))
    batches = iter(rung.steps)
    for _ in range(3):
        order = rng.permutation(10)
        for start in (0, 4, 8):
            x, eps = next(batches)
            np.testing.assert_array_equal(x, images(10)[order[start : start + 4]])
            np.testing.assert_array_equal(eps, rng.standard_normal((len(x), 2)).astype(np.float32))


def test_the_noise_of_the_test_loss_stays_and_that_of_training_does_not() -> None:
    rung = MeanRung()
    run(rung)
    first = rung.evaluations[0]
    assert len(rung.evaluations) == 4
    for x, eps in rung.evaluations:
        np.testing.assert_array_equal(x, images(7, seed=1))
        np.testing.assert_array_equal(eps, first[1])
    assert len({eps.tobytes() for _, eps in rung.steps}) == 9


def test_both_dtypes_see_the_same_noise() -> None:
    single, double = (draw_eps(np.random.default_rng(0), 1000, 3, dtype) for dtype in (np.float32, np.float64))
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
    assert epochs[-1].reconstruction < epochs[1].reconstruction < epochs[0].reconstruction
    for i, epoch in enumerate(epochs[1:]):
        batches = steps[3 * i : 3 * i + 3]
        for name in ("loss", "reconstruction", "kl"):
            by_hand = np.dot([4, 4, 2], [getattr(r, name) for r in batches]) / 10
            assert getattr(epoch, f"train_{name}") == pytest.approx(by_hand, rel=1e-12)
    for record in steps + epochs:
        assert record.beta == 0.5
        assert record.loss == pytest.approx(record.reconstruction + 0.5 * record.kl, rel=1e-12)


def test_epoch_0_is_before_training() -> None:
    rung = MeanRung()
    steps = train(rung, np.random.default_rng(0), images(4), images(7), Objective(), TrainingOptions(epochs=1))
    first = next(steps)
    assert rung.steps == []
    assert first.reconstruction == pytest.approx(32 * math.log(2))
    assert first.seconds == 0
    assert (first.train_loss, first.train_reconstruction, first.train_kl, first.images_per_second) == (None,) * 4


def test_only_training_steps_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that a step moves by 2 s, an evaluation by 50 s and the caller by 1000 s."""
    now = [0.0]
    monkeypatch.setattr("foundation.training.time.perf_counter", lambda: now[0])

    class Slow(MeanRung):
        def step(self, *batch: object) -> Loss:
            now[0] += 2
            return super().step(*batch)

        def evaluate(self, *batch: object) -> Loss:
            now[0] += 50
            return super().evaluate(*batch)

    records = []
    options = TrainingOptions(epochs=2, batch_size=4)
    for record in train(Slow(), np.random.default_rng(0), images(10), images(7), Objective(), options):
        now[0] += 1000
        records.append(record)
    steps, epochs = split(records)
    assert [r.seconds for r in steps] == [2, 4, 6, 8, 10, 12]
    assert [r.seconds for r in epochs] == [0, 6, 12]
    assert [r.images_per_second for r in epochs[1:]] == [10 / 6, 10 / 6]


def test_records_are_what_a_run_logs(tmp_path: Path) -> None:
    log = create_run(tmp_path, "train", {})
    records = run(MeanRung())
    for record in records:
        log.log(**vars(record))
    assert log.metrics() == [json.loads(to_json(record)) for record in records]
    step, epoch = log.metrics()[1], log.metrics()[0]
    assert list(step) == ["kind", "step", "epoch", "loss", "reconstruction", "kl", "beta", "seconds"]
    assert list(epoch)[:6] == ["kind", "epoch", "step", "loss", "reconstruction", "kl"]
    assert {"train_loss", "beta", "images_per_second", "seconds"} <= epoch.keys()


@pytest.mark.parametrize("batch_size", [1, 3, 7, 512])
def test_evaluation_does_not_depend_on_the_batches(batch_size: int) -> None:
    rung, eps = MeanRung(), draw_eps(np.random.default_rng(0), 7, 2, np.float64)
    rung.logits += np.random.default_rng(1).normal(size=SMALL.image_shape)
    x = images(7, dtype=np.float64)
    whole = rung.loss(x, eps, Objective())
    found = evaluate(rung, x, eps, Objective(), batch_size)
    assert found == pytest.approx(whole, rel=1e-12)
    assert all(type(value) is float for value in found)


@pytest.mark.parametrize(("count", "batch_size"), [(0, 512), (7, 0), (7, -1)])
def test_evaluation_of_nothing(count: int, batch_size: int) -> None:
    with pytest.raises(InputError, match="at least one image"):
        evaluate(MeanRung(), images(count), np.zeros((count, 2), np.float32), Objective(), batch_size)


def spoil(index: int, value: float) -> np.ndarray:
    x = images(5)
    x[index, 0, 1, 2] = value
    return x


BAD_IMAGES = [
    (spoil(3, np.nan), InputError, "image 3 holds NaN"),
    (spoil(4, np.inf), InputError, r"expected pixels in \[0, 1\], got 0.* to inf"),
    (spoil(2, -0.25), InputError, r"expected pixels in \[0, 1\], got -0.25 to 0\."),
    (spoil(2, 255), InputError, r"expected pixels in \[0, 1\], got 0.* to 255"),
    (images(5) * 2 - 1, InputError, r"expected pixels in \[0, 1\], got -0"),
    (images(0), InputError, r"expected at least one image, got shape \(0, 1, 4, 8\)"),
    (images(5).astype(np.float16), InputError, "expected images as float32 or float64, got float16"),
    (images(5).round().astype(np.uint8), TypeError, ""),  # here by the annotation
]


@pytest.mark.parametrize("which", ["train_images", "test_images"])
@pytest.mark.parametrize(("bad", "error", "expected"), BAD_IMAGES)
def test_images_are_refused_before_the_first_step(
    which: str, bad: np.ndarray, error: type[Exception], expected: str
) -> None:
    rung = MeanRung()
    data = {"train_images": images(5), "test_images": images(5)} | {which: bad}
    with pytest.raises(error, match=f"{which}: {expected}" if expected else None) as caught:
        list(train(rung, np.random.default_rng(0), **data, objective=Objective(), options=TrainingOptions()))
    assert error is TypeError or "\n" not in str(caught.value)
    assert rung.steps == rung.evaluations == []


def test_images_of_another_size_than_the_rung() -> None:
    x = images(5)[:, :, :, :4]
    with pytest.raises(InputError, match=r"train_images: expected images of \(1, 4, 8\), got \(1, 4, 4\)"):
        list(train(MeanRung(), np.random.default_rng(0), x, x, Objective(), TrainingOptions()))


def test_images_at_the_ends_of_the_range_are_fine() -> None:
    x = images(5).round()
    assert set(np.unique(x)) == {0, 1}
    next(train(MeanRung(), np.random.default_rng(0), x, x, Objective(), TrainingOptions()))


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
        TrainingOptions(**options)


def diverging(rung: MeanRung) -> str:
    with pytest.raises(Diverged) as caught:
        run(rung)
    assert "\n" not in str(caught.value)
    assert "try a smaller learning rate" in str(caught.value)
    return str(caught.value)


def test_nan_stops_at_its_step_with_the_tensor() -> None:
    class Breaks(MeanRung):
        def step(self, *batch: object) -> Loss:
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

        def differentiate(self, *batch: object) -> Pass:
            found = super().differentiate(*batch)
            return found._replace(logvar=found.logvar + 1815, gradients={"bias": np.full(3, np.nan)})

    line = diverging(Overflows())
    assert "step 1 (epoch 1): reconstruction" in line
    assert "kl inf" in line
    assert "the gradient of bias holds NaN or infinity, logvar reaches 1.82e+03" in line


def test_a_test_loss_that_is_not_finite_stops_too() -> None:
    class LastStepBreaks(MeanRung):
        def step(self, *batch: object) -> Loss:
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
    records = train(rung, np.random.default_rng(0), images(10), images(7), Objective(), TrainingOptions(batch_size=4))
    for record in records:
        if record.step == 2:
            records.close()
            break
    assert len(rung.steps) == 2
    assert np.isfinite(rung.step(*rung.steps[0], Objective()).loss)


# The same loop around the real rung 1.


def numpy_rung(dtype: type = np.float32, seed: int = 0, learning_rate: float = 1e-3) -> tuple:
    """A fresh rung and the generator that drew its values, as whoever trains makes them."""
    from numpy_impl.rung import NumpyRung

    rng = np.random.default_rng(seed)
    return NumpyRung(SMALL, initial_parameters(SMALL, rng, dtype), learning_rate), rng


def train_numpy(count: int = 50, dtype: type = np.float32, seed: int = 0, rate: float = 1e-3, **options: int) -> tuple:
    rung, rng = numpy_rung(dtype, seed, rate)
    data = images(count, dtype=dtype), images(20, seed=1, dtype=dtype)
    return rung, list(train(rung, rng, *data, Objective(), TrainingOptions(**options)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rung_1_learns_and_repeats_itself_bit_for_bit(dtype: type) -> None:
    options = {"epochs": 4, "batch_size": 8, "rate": 1e-2, "dtype": dtype}
    (rung, records), (again, repeated), (other, _) = (train_numpy(**options, seed=seed) for seed in (0, 0, 1))
    _, epochs = split(records)
    assert epochs[-1].loss < epochs[0].loss - 0.1
    assert epochs[-1].train_loss < epochs[1].train_loss
    for name, value in rung.parameters().items():
        assert value.dtype == dtype
        np.testing.assert_array_equal(again.parameters()[name], value, err_msg=name)
        assert not np.array_equal(other.parameters()[name], value)
    losses, repeated = ([(r.loss, r.reconstruction, r.kl) for r in each] for each in (records, repeated))
    assert losses == repeated


@pytest.mark.parametrize(("count", "batch_size", "steps"), [(50, 8, 7), (50, 1000, 1), (5, 1, 5), (1, 1, 1)])
def test_rung_1_takes_batches_of_any_size(count: int, batch_size: int, steps: int) -> None:
    _, records = train_numpy(count, epochs=1, batch_size=batch_size)
    assert records[-1].step == steps
    assert math.isfinite(records[-1].loss)


def test_rung_1_evaluates_alike_in_any_batches() -> None:
    rung, rng = numpy_rung(np.float64)
    x, eps = images(20, dtype=np.float64), draw_eps(rng, 20, SMALL.latent_dim, np.float64)
    whole = rung.evaluate(x, eps, Objective(beta=3.0))
    for batch_size in (1, 7, 20):
        assert evaluate(rung, x, eps, Objective(beta=3.0), batch_size) == pytest.approx(whole, rel=1e-12)


def test_rung_1_diverges_in_one_line_without_a_warning() -> None:
    with pytest.raises(Diverged, match=r"step \d+ \(epoch \d+\): .*worst tensor: \S+ .*try a smaller learning rate"):
        train_numpy(rate=1e4, epochs=50, batch_size=8)
