"""The comparison of the rungs: for the same parameters, images and noise they must compute the same numbers.

Every rung meets the same numbers, because a generator with the same seed hands them out to each in turn. What a
rung computes from them is kept by name, and the names are compared pair by pair: first one forward and backward
pass, tensor by tensor, then a short training, where the optimiser has its say as well.

float64 makes this strong evidence. Two correct rungs add the same numbers in another order, and differ by about 1e-15
in one pass; a wrong formula differs by far more than the 1e-10 that is tolerated. In float32 rounding alone comes to
1e-6, enough to put some unit on the other side of its ReLU, and Adam, which divides each gradient by its own size,
lets that grow from step to step. After 100 steps the whole loss still agrees to about 1e-3, the far smaller KL and
the parameters need not.

Agreement is not correctness: a mistake that every rung shares passes here. The gradient check and the tests look
for those.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from rich.table import Table

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.errors import InputError
from foundation.objective import Loss, Objective
from foundation.rung import Rung, architecture_of
from ladder.rungs import make_rung

# What is compared, in the order in which it is computed, and the relative error that still counts as rounding.
FORWARD, LOSS, GRADIENTS = "forward pass", "loss parts", "gradients"
LOSSES, PARAMETERS = "training losses", "trained parameters"
TOLERANCES = {
    "float64": {FORWARD: 1e-10, LOSS: 1e-10, GRADIENTS: 1e-10, LOSSES: 1e-8, PARAMETERS: 1e-8},
    "float32": {FORWARD: 1e-4, LOSS: 1e-4, GRADIENTS: 1e-4, LOSSES: 2e-2},
}

Tensors = dict[str, np.ndarray | None]


@dataclasses.dataclass(frozen=True)
class Check:
    """One tensor compared between two rungs: a reference, and another."""

    what: str
    """Group and name, as in "gradients: encoder.mu.weight"."""
    pair: tuple[str, str]
    max_relative_error: float
    """max|other - reference| / max|reference|; NaN where nothing could be subtracted, and the note says why."""
    tolerance: float
    ok: bool
    note: str = ""
    """What is wrong beside the size of the error, or where it begins."""

    @property
    def group(self) -> str:
        return self.what.partition(": ")[0]

    @property
    def excess(self) -> float:
        """The error in units of its tolerance: above 1 is a mismatch, and NaN is worse than any number."""
        return math.inf if math.isnan(self.max_relative_error) else self.max_relative_error / self.tolerance

    def __str__(self) -> str:
        size = f"relative error {self.max_relative_error:.1e}, tolerance {self.tolerance:.0e}"
        reasons = f"{size}, {self.note}" if self.note else size
        return f"{self.what}: {' and '.join(self.pair)} {'agree' if self.ok else 'differ'} ({reasons})"


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """Every check of one comparison."""

    architecture: Architecture
    objective: Objective
    batch_size: int
    seed: int
    dtype: str
    steps: int
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def worst(self) -> Check:
        """The check to look at first: the largest error in the earliest group that disagrees, else of all.

        A mistake spoils what is computed after it: one wrong gradient, say, leads every parameter astray.
        """
        failed = [check for check in self.checks if not check.ok]
        earliest = next((group for group in TOLERANCES[self.dtype] for c in failed if c.group == group), None)
        suspects = [check for check in failed if check.group == earliest] or self.checks
        return max(suspects, key=lambda check: check.excess)

    def table(self) -> Table:
        """A row for each pair and group, with the worst tensor by name."""
        sizes = f"batch size {self.batch_size}, Adam steps {self.steps}, seed {self.seed}"
        table = Table(title=f"Parity in {self.dtype}: {sizes}")
        table.add_column("compared", no_wrap=True)
        table.add_column("worst tensor", overflow="fold")
        for column in ("error", "tolerance", "agree"):
            table.add_column(column, justify="right", no_wrap=True)
        for pair, of_pair in itertools.groupby(self.checks, key=lambda check: check.pair):
            table.add_section()
            table.add_row("[bold]{} and\n{}[/]".format(*pair))
            for group, of_group in itertools.groupby(of_pair, key=lambda check: check.group):
                table.add_row(f"  {group}", *_summary(list(of_group)))
        return table

    def to_json(self) -> dict:
        """What `parity.json` holds. JSON has no NaN and no infinity: such an error is null, beside its note."""
        report = {"ok": self.ok} | dataclasses.asdict(self)
        for check in report["checks"]:
            if not math.isfinite(check["max_relative_error"]):
                check["max_relative_error"] = None
        return report


def _summary(checks: list[Check]) -> tuple[str, str, str, str]:
    """A group's cells in the table: worst tensor, its error and tolerance, and how many agree."""
    worst, agreeing = max(checks, key=lambda check: check.excess), sum(check.ok for check in checks)
    tick = "[green]✓[/]" if agreeing == len(checks) else "[bold red]✗[/]"
    tolerance, count = f"{worst.tolerance:.0e}", f"{agreeing}/{len(checks)} {tick}"
    if worst.excess == 0:
        return "[dim]all identical[/]", "0", tolerance, count
    tensor = worst.what.removeprefix(f"{worst.group}: ")
    return f"{tensor}\n{worst.note}".strip(), f"{worst.max_relative_error:.1e}", tolerance, count


def compare(
    architecture: Architecture,
    *,
    rungs: Sequence[str],
    batch_size: int = 8,
    seed: int = 0,
    dtype: str = "float64",
    steps: int = 100,
    objective: Objective = Objective(),  # noqa: B008  (frozen)
    make: Callable[..., Rung] = make_rung,
    images: np.ndarray | None = None,
    on_step: Callable[[str, int], None] = lambda rung, step: None,
) -> ParityReport:
    """Run every rung on the same numbers, one pass and then `steps` Adam steps, and compare each with each.

    Batches are random greys in [0, 1], or drawn from `images` (count, C, H, W). `make(name, architecture,
    parameters)` builds a rung. `on_step(name, step)` is called after each step, for a progress bar.
    Raises InputError for fewer than two rungs, an unknown dtype and sizes that make no sense.
    """
    if len(rungs) < 2 or len(set(rungs)) < len(rungs):
        raise InputError(f"rungs: parity needs at least two different ones, got {', '.join(rungs) or 'none'}")
    if dtype not in TOLERANCES:
        raise InputError(f"dtype: expected {' or '.join(TOLERANCES)}, got {dtype!r}")
    if batch_size < 1 or steps < 0:
        raise InputError(f"expected batch_size >= 1 and steps >= 0, got batch_size {batch_size} and steps {steps}")
    if images is not None and (images.shape[1:] != architecture.image_shape or len(images) == 0):
        raise InputError(f"images: expected (count, C, H, W) with {architecture.image_shape}, got {images.shape}")

    computed: dict[str, dict[str, Tensors]] = {}
    for name in rungs:
        rng = np.random.default_rng(seed)  # anew for every rung, so that each meets the same numbers
        parameters = initial_parameters(architecture, rng, np.dtype(dtype).type)
        rung = make(name, architecture, parameters, objective=objective)
        batches = random_batches(architecture, rng, batch_size, dtype, images)
        computed[name] = one_pass(rung, *next(batches), objective)
        losses = []
        for step, (x, eps) in enumerate(itertools.islice(batches, steps), start=1):
            losses.append(rung.step(x, eps, objective))
            on_step(name, step)
        if steps:
            parts = dict(zip(Loss._fields, np.array(losses, np.float64).T, strict=True))
            computed[name][LOSSES] = parts if dtype == "float64" else {"loss": parts["loss"]}
            computed[name][PARAMETERS] = every_parameter(architecture, rung.parameters())

    checks = []
    for pair in itertools.combinations(rungs, 2):
        for group, tolerance in TOLERANCES[dtype].items():
            reference, other = (computed[name].get(group, {}) for name in pair)
            for tensor in reference | other:
                checks.append(check(group, tensor, pair, reference.get(tensor), other.get(tensor), tolerance))
    return ParityReport(architecture, objective, batch_size, seed, dtype, steps, checks)


def random_batches(
    architecture: Architecture, rng: np.random.Generator, batch_size: int, dtype: str, images: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of x (N, C, H, W) and eps (N, Z) without end, drawn in float64 and rounded to `dtype`."""
    while True:
        if images is None:
            x = rng.random((batch_size, *architecture.image_shape))
        else:
            x = images[rng.integers(len(images), size=batch_size)]
        eps = rng.standard_normal((batch_size, architecture.latent_dim))
        yield x.astype(dtype), eps.astype(dtype)


def one_pass(rung: Rung, x: np.ndarray, eps: np.ndarray, objective: Objective) -> dict[str, Tensors]:
    """Everything one forward and backward pass computes; x and eps too, as it must leave them as they were."""
    result = rung.differentiate(x, eps, objective)
    return {
        FORWARD: {"x": x, "eps": eps, "mu": result.mu, "logvar": result.logvar, "logits": result.logits},
        LOSS: {part: np.asarray(value, np.float64) for part, value in result.loss._asdict().items()},
        GRADIENTS: every_parameter(architecture_of(rung.description), result.gradients),
    }


def every_parameter(architecture: Architecture, tensors: Parameters) -> Tensors:
    """The tensors, with None for a missing one: two rungs that lack the same parameter do not agree."""
    missing: Tensors = dict.fromkeys(architecture.parameter_shapes())
    return missing | tensors


def check(
    group: str,
    tensor: str,
    pair: tuple[str, str],
    reference: np.ndarray | None,
    other: np.ndarray | None,
    tolerance: float,
) -> Check:
    """Compare one tensor; where losses part in training, the note names the step."""
    error, note = relative_error(pair, reference, other)
    ok = error <= tolerance  # false for NaN
    if group == LOSSES and not ok and reference is not None and other is not None:
        bound = tolerance * np.abs(reference).max(where=np.isfinite(reference), initial=0)
        apart = ~np.isclose(other, reference, rtol=0, atol=bound)
        note = f"{note} from step {np.argmax(apart) + 1}".strip()
    return Check(f"{group}: {tensor}", pair, error, tolerance, ok, note)


def relative_error(pair: tuple[str, str], reference: np.ndarray | None, other: np.ndarray | None) -> tuple[float, str]:
    """max|other - reference| / max|reference|, after presence, shape and dtype; or NaN with what is wrong."""
    if reference is None or other is None:
        missing = [name for name, tensor in zip(pair, (reference, other), strict=True) if tensor is None]
        return math.nan, f"missing in {' and '.join(missing)}"
    tensors = dict(zip(pair, (reference, other), strict=True))
    if reference.shape != other.shape:
        return math.nan, f"shapes {reference.shape} and {other.shape}"
    if reference.dtype != other.dtype:
        return math.nan, f"dtypes {reference.dtype} and {other.dtype}"
    if broken := [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]:
        return math.nan, f"NaN or infinity in {' and '.join(broken)}"
    scale = float(np.abs(reference).max())
    difference = float(np.abs(other.astype(np.float64) - reference).max())
    if scale == 0:  # relative to nothing: only zeros agree with zeros
        return (0.0, "") if difference == 0 else (math.inf, f"all zeros in {pair[0]}, {difference:.1e} in {pair[1]}")
    return difference / scale, ""
