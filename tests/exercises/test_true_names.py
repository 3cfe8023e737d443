"""What a check says of a mistake is true of the code, also where other code gives nearly the same results."""

import itertools

import numpy as np
import pytest

from exercises.kit.catalogue import catalogue, find
from exercises.kit.check import unloadable
from exercises.kit.diagnose import UNKNOWN, diagnose
from exercises.kit.exercise import Draws, axes, sized
from exercises.kit.remarks import clipped

every_exercise = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


def verdict_on(number, **functions):
    entry = find(number)
    exercise = entry.load()
    return diagnose(entry.name, exercise, exercise.solution | functions)


def solution(number, name):
    return find(number).load().solution[name]


def changed(value, change):
    """A result with `change` applied to every array and float in it."""
    if isinstance(value, dict):
        return {key: changed(item, change) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [changed(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return change(np.asarray(value, float))[()] if isinstance(value, np.ndarray | float | np.floating) else value


def every_third(number):
    def change(array):
        array = array.copy().reshape(-1)
        array[::3] = number
        return array if len(array) > 1 else array[0]

    return lambda array: np.reshape(change(array), array.shape)


# No name without evidence


@every_exercise
@pytest.mark.parametrize(("how", "number"), [("all", np.inf), ("some", np.nan)])
def test_infinities_and_nan_alone_are_no_evidence(entry, how, number):
    exercise = entry.load()
    change = every_third(number) if how == "some" else lambda array: np.full(array.shape, number)
    for name, right in exercise.solution.items():

        def wrong(*arguments, right=right):
            return changed(right(*arguments), change)

        verdict = diagnose(entry.name, exercise, exercise.solution | {name: wrong}, (0,))
        assert (verdict.mistake, verdict.second) == ("", ""), f"{name}\n{verdict}"


@pytest.mark.parametrize("center", [np.min, np.median, np.mean], ids=lambda center: center.__name__)
def test_what_overflows_alike_is_not_told_apart(center):
    def log_mean_exp(log_w):
        shift = center(log_w, axis=1)
        return shift + np.log(np.mean(np.exp(log_w - shift[:, None]), axis=1))

    verdict = verdict_on("17", log_mean_exp=log_mean_exp)
    assert (verdict.outcome, verdict.mistake) == ("WRONG", "")
    assert verdict.possible == "something else than the largest log-weight is taken out"
    assert verdict.problem == "the result holds NaN or infinity"


@pytest.mark.parametrize(
    ("number", "name", "divisor"), [("04", "kl", 3), ("04", "kl_per_image", 3), ("06", "reparameterize_backward", 5)]
)
def test_a_number_in_the_code_is_no_size(number, name, divisor):
    def divided(*arguments):
        return changed(solution(number, name)(*arguments), lambda array: array / divisor)

    verdict = verdict_on(number, **{name: divided})
    assert (verdict.outcome, verdict.mistake, verdict.second) == ("WRONG", "", "")
    assert UNKNOWN in verdict.note


@every_exercise
def test_mistakes_in_two_functions_are_two_and_no_others(entry):
    exercise = entry.load()
    apart = [
        (one, other)
        for one, other in itertools.combinations(exercise.mistakes, 2)
        if not one.functions.keys() & other.functions.keys()
    ]
    rng = np.random.default_rng(int(entry.number))
    for i in rng.permutation(len(apart))[:4]:
        one, other = apart[i]
        verdict = diagnose(entry.name, exercise, exercise.solution | one.functions | other.functions, (0,))
        assert {verdict.mistake or verdict.possible, verdict.second} <= {one.name, other.name, ""}, f"{one}, {other}"
        assert verdict.mistake or verdict.possible, f"{one.name} and {other.name}\n{verdict}"


# What was said falsely


def differences(step, central):
    """A gradient checker that divides by the largest entry, with this step."""

    def check_gradient(f, f_backward, x, rng):
        dy = rng.standard_normal(np.shape(f(x)))
        dx, numeric = np.asarray(f_backward(dy, x)), np.zeros(x.shape)
        if dx.shape != x.shape:
            return False
        for index in np.ndindex(x.shape):
            above, below = x.copy(), x.copy()
            above[index] += step
            below[index] -= step * central
            numeric[index] = np.sum(dy * (np.array(f(above)) - np.array(f(below)))) / (step * (1 + central))
        return bool(np.max(np.abs(dx - numeric)) <= 1e-6 * np.max(np.abs(numeric)))

    return check_gradient


@pytest.mark.parametrize(("step", "central"), [(1e-5, 0), (1e-4, 0), (0.01, 1), (0.03, 1)])
def test_a_checker_of_the_right_scale_is_not_told_to_take_it(step, central):
    verdict = verdict_on("07", check_gradient=differences(step, central))
    assert verdict.outcome == "WRONG"
    assert "scale" not in verdict.got
    assert "fixed tolerance" not in verdict.got
    assert "0.01" not in verdict.mistake


def test_a_forgotten_mask_is_called_that():
    linear_backward = solution("08", "linear_backward")
    for mask in (lambda y: 1, lambda y: y >= 0):
        verdict = verdict_on(
            "08", linear_relu_backward=lambda dy, x, w, y, mask=mask: linear_backward(dy * mask(y), x, w)
        )
        assert verdict.mistake == "whole layer: no mask at all"


def test_whole_arguments_are_not_called_float64():
    verdict = verdict_on("16", one_hot=lambda labels, classes: np.eye(classes, dtype=int)[labels])
    assert verdict.problem == "the result should be float64, whatever the arguments are"
    verdict = verdict_on("01", quantiles=lambda n: solution("01", "quantiles")(n).astype(np.float32))
    assert verdict.problem == "the result should be float64, whatever the arguments are"
    verdict = verdict_on("05", sigmoid=lambda x: solution("05", "sigmoid")(x).astype(np.float32))
    assert verdict.problem == "the arguments are float64, and so should the result be"


@pytest.mark.parametrize("in_place", [False, True])
def test_new_entries_of_a_dict_are_no_arrays_written_into(in_place):
    def train_step(parameters, *others):
        new = solution("13", "train_step")(parameters, *others)
        for name, array in new["parameters"].items():
            if in_place:
                parameters[name][...] = array
            else:
                parameters[name] = array
        return new | {"parameters": parameters}

    verdict = verdict_on("13", train_step=train_step)
    if in_place:
        assert verdict.mistake == "parameters changed in place"
    else:
        assert verdict.mistake == "the new parameters are put into the caller's dict"
        assert "-=" not in str(verdict)


def test_a_kernel_that_was_not_turned_is_not_called_flipped():
    right = solution("10", "conv2d_dx")
    verdict = verdict_on("10", conv2d_dx=lambda dy, weight, *others: right(dy, weight[:, :, ::-1, ::-1], *others))
    assert verdict.mistake == "dx has the kernel the wrong way round"


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (SyntaxError("invalid syntax"), "Python does not understand the file"),
        (ModuleNotFoundError("No module named 'scipy'"), "an import of the file fails"),
        (AssertionError("kl(0, 0)"), "an assert fails while the file is run"),
        (ZeroDivisionError("division by zero"), "the file ends with an exception while it is run"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, error, problem):
    entry = find("04")
    verdict = unloadable(entry, entry.load(), tmp_path / "04_kl.py", error)
    assert verdict.problem.startswith(problem)


# Mistakes that had no name


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(p, target, reduce):
    return -reduce(target * np.log(p) + (1 - target) * np.log(1 - p))


def log_normal(z, mean, logvar):
    return -np.sum(np.log(2 * np.pi) + logvar + (z - mean) ** 2 / np.exp(logvar), axis=-1) / 2


def bound(of_prior, of_q):
    """A bound with other signs of the densities."""

    def iwae_bound(log_likelihood, z, mu, logvar):
        log_q = log_normal(z, mu[:, None], logvar[:, None])
        log_w = log_likelihood + of_prior * log_normal(z, 0, 0) + of_q * log_q
        return np.mean(np.logaddexp.reduce(log_w, axis=1) - np.log(log_w.shape[1]))

    return {"iwae_bound": iwae_bound}


def reversed_slerp(a, b, t):
    omega = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
    if omega == 0:
        return (1 - t)[:, None] * a + t[:, None] * b
    return (np.outer(np.sin(t * omega), a) + np.outer(np.sin((1 - t) * omega), b)) / np.sin(omega)


def adam(counted, exchanged):
    """Adam that does not count its steps, or takes m for v."""

    def step(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
        t += counted
        m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2
        m_hat, v_hat = m / np.float64(1 - beta1**t), v / np.float64(1 - beta2**t)
        return (parameter - learning_rate * m_hat / (np.sqrt(v_hat) + eps), *((v, m) if exchanged else (m, v)), t)

    return {"adam": step}


def empty_crop(dy, weight, image_size, stride, padding):
    around = tuple(size + 2 * padding for size in image_size)
    return solution("10", "conv2d_dx")(dy, weight, around, stride, 0)[:, :, padding:-padding, padding:-padding]


def relu_layer(mask=lambda x, y: y > 0, order=(0, 1, 2)):
    def linear_relu_backward(dy, x, weight, y):
        gradients = solution("08", "linear_backward")(dy * mask(x, y), x, weight)
        return tuple(gradients[i] for i in order)

    return {"linear_relu_backward": linear_relu_backward}


NAMED = {
    "Adam's t not counted": ("12", adam(0, False), "t is neither used as t + 1 nor counted"),
    "m and v exchanged": ("12", adam(1, True), "m and v returned in the wrong order"),
    "mask from x": ("08", relu_layer(lambda x, y: x > 0), "the mask is made of x: dy * (x > 0)"),
    "another order": ("08", relu_layer(order=(0, 2, 1)), "whole layer: order dx, dbias, dweight"),
    "half the variance": (
        "06",
        {"reparameterize": lambda mu, logvar, eps: mu + np.exp(logvar) / 2 * eps},
        "exp(logvar)/2 for σ",
    ),
    "empty for padding 0": (
        "10",
        {"conv2d_dx": empty_crop},
        "dx cropped by [padding:-padding], which is empty for padding 0",
    ),
    "no log q": ("17", bound(1, 0), "in the bound: forgot q"),
    "no log p": ("17", bound(0, -1), "in the bound: forgot the prior"),
    "sign of both": ("17", bound(-1, 1), "in the bound: log q - log p(z)"),
    "reversed arc": ("02", {"slerp": reversed_slerp}, "slerp: reversed on the arc, but not where a and b are parallel"),
    "threshold": ("08", {"relu_backward": lambda dy, x: dy * (x > 1e-6)}, "open only above a threshold"),
    "logits clipped": (
        "05",
        {"bce": lambda logits, target: solution("05", "bce")(np.clip(logits, -30, 30), target)},
        "logits clipped at ±30",
    ),
}


@pytest.mark.parametrize(("number", "functions", "name"), NAMED.values(), ids=NAMED)
def test_common_mistakes_have_names(number, functions, name):
    assert verdict_on(number, **functions).mistake == name


PAIRS = {
    "mean and clip": (
        "05",
        {"bce": lambda x, t: cross_entropy(np.clip(sigmoid(x), 1e-7, 1 - 1e-7), t, np.mean)},
        {"probabilities clipped at 1e-07", "mean over the pixels"},
    ),
    "mean and eps": (
        "05",
        {"bce": lambda x, t: -np.mean(t * np.log(sigmoid(x) + 1e-8) + (1 - t) * np.log(1 - sigmoid(x) + 1e-8))},
        {"1e-08 added inside the logarithm", "mean over the pixels"},
    ),
    "no half, and mean": (
        "04",
        {"kl": lambda mu, logvar: np.mean(mu**2 + np.exp(logvar) - 1 - logvar)},
        {"forgot the factor ½", "mean over the latents"},
    ),
    "no half, no one": (
        "04",
        {"kl": lambda mu, logvar: np.sum(mu**2 + np.exp(logvar) - logvar) / len(mu)},
        {"forgot the factor ½", "no -1"},
    ),
    "two terms": (
        "04",
        {"kl": lambda mu, logvar: np.sum(np.exp(logvar) - logvar) / 2 / len(mu)},
        {"no -1", "μ² is missing"},
    ),
}


@pytest.mark.parametrize(("number", "functions", "names"), PAIRS.values(), ids=PAIRS)
def test_two_mistakes_in_one_function_are_named_as_two(number, functions, names):
    verdict = verdict_on(number, **functions)
    assert {verdict.mistake, verdict.second} == names
    assert verdict.problem.startswith("two mistakes whose effects together")
    assert verdict.explanation
    assert verdict.second_explanation


def test_an_unknown_mistake_says_where_it_is_right_and_by_how_much_it_is_off():
    verdict = verdict_on("04", kl=lambda mu, logvar: np.sum(mu**3 + np.exp(logvar) - 1 - logvar) / 2 / len(mu))
    assert 'right: "q is the prior", "every variance 4", "every variance ¼"' in verdict.note
    assert 'wrong: "every mean at 2"' in verdict.note
    assert verdict.problem == "6 too large: 2 × the expected one"
    verdict = verdict_on("04", kl=lambda mu, logvar: solution("04", "kl")(mu, logvar) * (1 + 1e-6))
    assert verdict.problem == "every value is 1.000001 × the expected one"
    assert "off by 1e-06 of the largest value at most" in verdict.note


# Right answers that deserve a word


@pytest.mark.parametrize(
    ("number", "name", "place", "limit"),
    [
        ("03", "log_q", 2, 20),
        ("04", "kl", 1, 4),
        ("04", "kl_per_image", 1, 20),
        ("05", "sigmoid", 0, 30),
        ("05", "bce_backward", 1, 30),
        ("06", "reparameterize", 1, 4),
        ("06", "latents", 1, 10),
        ("09", "kl_backward", 1, 4),
        ("09", "elbo_backward", 2, 4),
        ("17", "log_weights", 3, 4),
    ],
)
def test_a_bound_far_out_passes_with_a_remark(number, name, place, limit):
    verdict = verdict_on(number, **{name: clipped(solution(number, name), place, limit)})
    assert verdict.outcome == "PASS"
    assert "clipped" in verdict.remark


@every_exercise
def test_right_answers_get_no_remark_and_its_example_gets_it(entry):
    exercise = entry.load()
    for alternative in ({}, *exercise.alternatives):
        assert diagnose(entry.name, exercise, exercise.solution | alternative).remark == ""
    for remark in exercise.remarks:
        verdict = diagnose(entry.name, exercise, exercise.solution | remark.example)
        assert (verdict.outcome, verdict.remark) == ("PASS", remark.text)


# Sizes


def test_no_product_or_quotient_of_fresh_sizes_is_the_usual_one():
    for usual in ((5, 3), (5, 7, 3), (7, 13, 5, 11)):
        for seed in range(1, 100):
            drawn = sized(Draws(seed, 2), *axes(*usual))
            for count in range(1, len(usual) + 1):
                for chosen in itertools.combinations(range(len(usual)), count):
                    for powers in itertools.product((1, -1), repeat=count):
                        new, old = (
                            np.prod([float(sizes[i]) ** power for i, power in zip(chosen, powers, strict=True)])
                            for sizes in (drawn, usual)
                        )
                        assert not np.isclose(new, old), (usual, drawn)


def sizes_in(arguments):
    """The shape of the first array of two axes or more."""
    arrays = (one for one in arguments if isinstance(one, np.ndarray) and one.ndim > 1)
    return next(arrays, np.zeros(())).shape


@every_exercise
def test_answer_with_the_usual_number_of_entries_written_into_it_is_refused(entry):
    """Right times the number of entries over the usual one, as `15 * mean` is for `sum`."""
    exercise = entry.load()
    for name, right in exercise.solution.items():
        counts = set()

        def seen(*arguments, right=right, counts=counts):
            counts.add(float(np.prod(sizes_in(arguments))))
            return right(*arguments)

        diagnose(entry.name, exercise, exercise.solution | {name: seen}, (0,))
        if len(counts) > 1 or counts <= {1.0}:
            continue  # its probes have several sizes in one round, or none
        (first,) = counts

        def fitted(*arguments, right=right, first=first):
            count = float(np.prod(sizes_in(arguments)))
            return changed(right(*arguments), lambda array: array * first / count)

        if _counts(exercise, name):
            verdict = diagnose(entry.name, exercise, exercise.solution | {name: fitted})
            assert verdict.outcome == "WRONG", name


def _counts(exercise, name):
    """Whether a factor is noticed: a text or a truth value has none."""

    def doubled(*arguments):
        return changed(exercise.solution[name](*arguments), lambda array: 2 * array)

    return diagnose("99_any", exercise, exercise.solution | {name: doubled}, (0,)).outcome == "WRONG"
