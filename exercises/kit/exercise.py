"""The parts of an exercise. Its author fills them in; the rest of the kit reads them."""

import contextlib
import dataclasses
import functools
import pkgutil
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

Functions = dict[str, Callable[..., Any]]
"""Functions by name."""
Observe = Callable[[Any, np.random.Generator], Any]


@dataclasses.dataclass(frozen=True)
class Probe:
    """One test of an answer. What it observes with the solution is the expected result."""

    name: str
    """What is tested, in a few words: "every latent at the prior"."""
    observe: Observe
    """observe(answer, rng) -> tuples, dicts, arrays, numbers, bools or strings. `answer.kl` is the learner's `kl`."""
    tolerance: float = 1e-9
    """Largest difference allowed, relative to the largest expected entry of a tensor."""
    parts: tuple[str, ...] = ()
    """Names for the entries of a tuple, as in "dx, dweight, dbias"."""
    requires: str = ""
    """A module that the probe needs, such as "torch"; without it the probe is not measured."""


class Hints(NamedTuple):
    """Three hints, each shown only on request."""

    idea: str
    formula: str
    line: str


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A common wrong answer, stored so that a check can recognise it by its results."""

    name: str
    """The error in a few words: "forgot the factor ½"."""
    functions: Functions
    """The wrong functions; the solution supplies the others."""
    explanation: str
    """Why the numbers show this mistake; {got} and {expected} stand for those of the first probe that fails."""


@dataclasses.dataclass(frozen=True)
class Remark:
    """Something that a right answer may do and that is worth a word: said beside PASS, and no reason to refuse it."""

    shows: Callable[[Any], bool]
    """shows(answer) -> whether the answer does it; an exception counts as no."""
    text: str
    example: Functions
    """Right functions that do it; the solution supplies the others."""


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise. Its folder gives its number and name, its page the title."""

    solution: Functions
    """Every function that the stub asks for: a rung's own wherever a rung has it."""
    probes: tuple[Probe, ...]
    """From the simplest to the hardest: the first that fails is shown."""
    hints: Hints
    mistakes: tuple[Mistake, ...]
    alternatives: tuple[Functions, ...] = ()
    """Other right answers; the solution supplies functions that are not named."""
    remarks: tuple[Remark, ...] = ()
    """What is said of an answer that passes, as far as it applies."""
    requires: str = ""
    """A module that every probe needs which names none itself."""
    fixed: Callable[[tuple[Any, ...], int, set[int]], bool] = lambda path, axis, sizes: False
    """fixed(path, axis, sizes) -> whether this axis of an argument has one size by the exercise's own rules.

    `path` leads to the array: the argument's name, and keys inside it. `sizes` are those that the probes give the axis.
    """
    model_answer: str = ""
    """The answer to the page's question before the code; shown after a pass, beside the learner's own."""
    sources: tuple[Callable[..., Any] | str, ...] = ()
    """Functions of the rungs that the solution calls; `vae-ladder solution` shows them, too.

    One of a module that needs torch is given as "pytorch_lowlevel.vae_lowlevel:train_step".
    """
    observed: dict[Any, Any] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)
    """Cache: what the probes observe of the solution and of the mistakes is the same in every check."""

    def __post_init__(self) -> None:
        probes = tuple(dataclasses.replace(probe, requires=probe.requires or self.requires) for probe in self.probes)
        object.__setattr__(self, "probes", probes)

    def source_functions(self) -> tuple[Callable[..., Any], ...]:
        """The functions that `sources` names, without those whose module cannot be imported here."""
        found = []
        for source in self.sources:
            with contextlib.suppress(ImportError):
                found.append(pkgutil.resolve_name(source) if isinstance(source, str) else source)
        return tuple(found)


def mistakes_of(function: str, *rows: tuple[str, Callable[..., Any], str]) -> tuple[Mistake, ...]:
    """Mistakes of one function, as rows of (name, wrong function, explanation)."""
    return tuple(Mistake(f"{function}: {name}", {function: wrong}, explanation) for name, wrong, explanation in rows)


@dataclasses.dataclass(frozen=True)
class Shared:
    """An argument that is an object, for an answer in another process: what it sees of it, and what it may call.

    The object's class returns it from `_shared()`.
    """

    text: str
    """Its repr."""
    values: dict[str, Any]
    functions: dict[str, Callable[..., Any]]
    state: str
    """The name of a dict of arrays that may be changed in place."""
    arrays: Callable[[], dict[str, np.ndarray]]
    unknown: str
    """The message for any other name, with {name}."""


class Axis(int):
    """The size of an axis, which the checks draw anew, so that an answer for one size alone is refused."""


def axes(*sizes: int) -> tuple[Axis, ...]:
    """Sizes for `normal` and the like: `N, Z = axes(5, 3)`. In the first round of a check they are these numbers."""
    return tuple(map(Axis, sizes))


class Draws(np.random.Generator):
    """The random numbers of one probe, and the sizes of its axes."""

    def __init__(self, seed: int, probe: int) -> None:
        """The seed 0 keeps every size as it is; with another one, each Axis gets another size."""
        super().__init__(np.random.PCG64([seed, probe]))
        self._sizes: dict[int, int] = {}
        # Of its own, so that the random numbers do not depend on how many sizes are drawn.
        self._size_draws = np.random.default_rng([seed, probe, 1]) if seed else None

    def size(self, size: int) -> int:
        """The size of an axis: at least 3, another one than `size`, the same at every call, no two axes alike.

        No product or quotient of several axes is what it is in the first round either, so that an answer with such a
        number written into it is refused.
        """
        if not isinstance(size, Axis) or self._size_draws is None:
            return int(size)
        if size not in self._sizes:
            ratios, used = _ratios(tuple(self._sizes.items())), self._sizes.values()
            free = [n for n in range(3, size + 19) if n not in used and Fraction(n, size) not in ratios]
            self._sizes[size] = int(self._size_draws.choice(free[: max(size - 1, 3)]))
        return self._sizes[size]


@functools.lru_cache(maxsize=4096)
def _ratios(drawn: tuple[tuple[int, int], ...]) -> frozenset[Fraction]:
    """Of drawn sizes to usual ones: 1, and all products of some of them, each upright or inverted."""
    ratios = {Fraction(1)}
    for usual, new in drawn:
        ratio = Fraction(new, usual)
        ratios |= {known * factor for known in ratios for factor in (ratio, 1 / ratio)}
    return frozenset(ratios)


def sized(rng: np.random.Generator, *shape: int) -> tuple[int, ...]:
    """A shape whose axes have the sizes of this probe; for probes that draw arrays themselves."""
    return tuple(rng.size(size) for size in shape) if isinstance(rng, Draws) else tuple(map(int, shape))


def call(function: str, name: str = "", /, **arguments: Any) -> Probe:
    """A probe that calls one function: `call("linear_backward -> dx, dweight, dbias", dy=normal(3, 5), ...)`.

    An argument is a value, or a function of the generator that draws it. Lists become float64 arrays. The names
    behind "->" are those of the result's entries.
    """
    function, _, parts = (part.strip() for part in function.partition("->"))

    def observe(answer: Any, rng: np.random.Generator) -> Any:
        return getattr(answer, function)(**{key: _draw(value, rng) for key, value in arguments.items()})

    return Probe(name or function, observe, parts=tuple(part.strip() for part in parts.split(",") if part))


def normal(*shape: int, scale: float = 1.0) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument for `call`, drawn from N(0, scale^2). A size made by `axes` is drawn anew as well."""
    return lambda rng: scale * rng.standard_normal(sized(rng, *shape))


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument for `call`, drawn uniformly between low and high."""
    return lambda rng: rng.uniform(low, high, sized(rng, *shape))


def full(*shape: int, value: float) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument for `call` with this value in every entry, where its shape must fit random ones."""
    return lambda rng: np.full(sized(rng, *shape), float(value))


def away_from_zero(*shape: int, margin: float = 0.05) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument for `call`, drawn from N(0, 1), with every entry at least `margin` away from ReLU's kink at 0."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        x = rng.standard_normal(sized(rng, *shape))
        return np.where(np.abs(x) < margin, np.copysign(margin, x), x)

    return draw


def _draw(value: Any, rng: np.random.Generator) -> Any:
    value = value(rng) if callable(value) else value
    return np.array(value, dtype=np.float64) if isinstance(value, list) else value
