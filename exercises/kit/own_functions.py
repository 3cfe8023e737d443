"""The learner's own functions for a VAE: which of exercises 04 to 13 pass, and what stands in for the others.

Each answer is checked as `vae-ladder check` does, in a process of its own and within its time. Functions that pass are
then loaded into this process and called from it: they are the learner's code on the learner's machine. An answer of
which some functions pass and others do not gives those that do.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from exercises.kit.answers import Answers
from exercises.kit.catalogue import Entry, content_hash, find
from exercises.kit.check import check_answer, load_answer
from exercises.kit.diagnose import fresh_numbers, stuck
from exercises.kit.exercise import Functions
from exercises.kit.interrupt import Interrupted
from exercises.kit.limits import Limits
from exercises.kit.observe import ProbeResult, run_probes, silence
from exercises.kit.text import place_of
from exercises.kit.verdict import Verdict
from exercises.kit.wording import NEVER_ENDS
from foundation.errors import InputError

PARTS = {
    "kl": "04_kl",
    "bce": "05_bernoulli",
    "bce_backward": "05_bernoulli",
    "reparameterize": "06_reparameterization",
    "reparameterize_backward": "06_reparameterization",
    "linear_backward": "08_linear_relu_backward",
    "relu_backward": "08_linear_relu_backward",
    "kl_backward": "09_elbo_backward",
    "conv2d_dx": "10_conv_backward",
    "conv2d_dweight": "10_conv_backward",
    "conv2d_dbias": "10_conv_backward",
    "conv_transpose2d": "11_conv_transpose",
    "adam": "12_adam",
    "forward": "13_train_step",
    "loss": "13_train_step",
    "backward": "13_train_step",
    "train_step": "13_train_step",
}
"""The functions of the exercises that a training needs, in the order of the course."""
PASSES = "passes"
NOT_WRITTEN = "not written yet"
TOO_LONG = f"does not pass ({NEVER_ENDS})"


@dataclasses.dataclass(frozen=True)
class OwnFunctions:
    """What of a training the learner has written."""

    functions: Functions
    """Those to use, by name."""
    states: dict[str, str]
    """Of every name in PARTS: PASSES, NOT_WRITTEN, or why it does not pass."""
    modules: dict[str, Any]
    """The loaded files by exercise."""

    def place(self, name: str) -> str:
        """file:line of one of the functions."""
        return place_of(self.functions[name])


def own_functions(
    answers: Answers,
    as_written: bool = False,
    on_check: Callable[[str], None] = lambda name: None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> OwnFunctions:
    """The functions that pass; with `as_written` every function that is written, whether it passes or not.

    One that does not return in time is left out in either case: a training would never end. `on_check` is called with
    the name of each exercise before its check. Raises `InputError` where there is none.
    """
    functions, states, modules = dict[str, Callable[..., Any]](), dict[str, str](), dict[str, Any]()
    for exercise in dict.fromkeys(PARTS.values()):
        entry = find(exercise)
        names = [name for name, where in PARTS.items() if where == exercise]
        if not _is_begun(answers, entry):
            states |= dict.fromkeys(names, NOT_WRITTEN)
            continue
        on_check(exercise)
        verdict = check_answer(entry, answers.path(entry), limits)
        found, module = _loaded(entry, answers, verdict)
        modules[exercise] = module
        states |= _states(names, entry, verdict, found, limits)
        for name in filter(found.__contains__, names):
            usable = as_written and states[name] not in (NOT_WRITTEN, TOO_LONG)
            if states[name] == PASSES or usable:
                functions[name] = found[name]
    if not functions:
        raise InputError(
            f"{answers.folder}: expected a function of exercises 04 to 13 that passes, found none; "
            "vae-ladder check shows what is missing"
        )
    return OwnFunctions(functions, states, modules)


def _is_begun(answers: Answers, entry: Entry) -> bool:
    path = answers.path(entry)
    return path.is_file() and content_hash(path) not in entry.stub_hashes()


def _loaded(entry: Entry, answers: Answers, verdict: Verdict) -> tuple[Functions, Any]:
    """The functions of a file by name, none where it cannot be run, and its module."""
    if verdict.called.startswith("import ") or verdict.called == answers.path(entry).name:
        return {}, None  # its check has shown that it cannot be loaded, or that it does not come to an end
    try:
        with silence():
            module = load_answer(answers.path(entry))
    except (Exception, SystemExit):
        return {}, None
    names = entry.load().solution
    return {name: getattr(module, name) for name in names if callable(getattr(module, name, None))}, module


def _states(
    names: list[str], entry: Entry, verdict: Verdict, found: Functions, limits: Limits
) -> Iterator[tuple[str, str]]:
    """Each function with its state; of an exercise that does not pass, by the probes that call it."""
    missing = f"does not pass: {verdict.got}" if verdict.got else NOT_WRITTEN
    results = list(_probed(entry, found, limits)) if found and verdict.outcome not in ("PASS", "NOT MEASURED") else []
    for name in names:
        if name not in found:
            yield name, missing
        elif verdict.outcome == "NOT MEASURED":
            yield name, f"could not be measured; vae-ladder check {entry.number} says why"
        else:
            yield name, _state((result for result in results if name in result.expected.functions), verdict)


def _state(results: Iterable[ProbeResult], verdict: Verdict) -> str:
    """The state of a function by what the probes that call it observe."""
    failing = [result for result in results if result.fails()]
    if stuck(failing):
        return TOO_LONG
    if any(result.not_written() for result in failing):
        return NOT_WRITTEN
    if failing:
        reason = verdict.mistake or verdict.possible
        return f"does not pass ({reason})" if reason else "does not pass"
    return PASSES


def _probed(entry: Entry, found: Functions, limits: Limits) -> Iterator[ProbeResult]:
    """What the probes observe of the functions, with the numbers of every check and, as there, with fresh ones.

    Probes that need torch are left out.
    """
    exercise = entry.load()
    free = dataclasses.replace(exercise, probes=tuple(probe for probe in exercise.probes if not probe.requires))
    functions = Interrupted(found, limits.seconds)
    with silence(), fresh_numbers(free) as seeds:
        for seed in seeds:
            results = run_probes(free, functions, seed)
            yield from results
            if stuck(results):
                return
