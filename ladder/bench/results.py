"""What a benchmark found, the ratios in it, and all of it as JSON."""

import dataclasses
from collections.abc import Sequence

from foundation.architecture import Architecture
from ladder.bench.compiled import BATCH as COMPILED_BATCH
from ladder.bench.compiled import COMPILED, EAGER
from ladder.bench.elsewhere import LAYER, OURS, THEIRS
from ladder.bench.floor import Cost, Machine, forward_cost, step_cost
from ladder.bench.timing import Time

PLAIN = "plain loop"
BFLOAT16 = "paper bf16"
COSTS = {"step": step_cost, "forward": forward_cost}
NAMES = {"step": "training step", "forward": "forward pass"}


@dataclasses.dataclass(frozen=True)
class PassTime:
    """A whole pass of one rung, or of the plain loop."""

    what: str
    """step or forward"""
    who: str
    batch_size: int
    threads: int
    time: Time


@dataclasses.dataclass(frozen=True)
class PartTime:
    """One operation of the NumPy step, and the same one in torch (None where torch is missing)."""

    operation: str
    direction: str
    """forward, backward, or update"""
    numpy: Time
    torch: Time | None


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One time, or one size, divided by another: less than 1 says that the first is the smaller."""

    what: str
    numerator: str
    denominator: str
    value: float


@dataclasses.dataclass(frozen=True)
class Results:
    """Everything that one run of `vae-ladder bench` measured."""

    architecture: Architecture
    software: dict[str, str]
    machines: list[Machine]
    passes: list[PassTime]
    parts: list[PartTime]
    parts_batch: int
    epoch: dict[str, Time]
    memory: dict[str, int]
    """Bytes by rung."""
    memory_batch: int
    convolution: dict[str, Time]
    """Rung 1's and numpy-ml's, or nothing where that is not installed."""
    compiled: dict[str, Time] | str
    """Rung 3's step as it is and under torch.compile, or why not."""

    def sizes(self) -> list[tuple[int, int]]:
        """(threads, batch size) of every comparison, in the order of measurement."""
        return list(dict.fromkeys((p.threads, p.batch_size) for p in self.passes))

    def times(self, what: str, threads: int, batch_size: int) -> dict[str, Time]:
        """The candidates of one comparison."""
        wanted = (what, threads, batch_size)
        return {p.who: p.time for p in self.passes if (p.what, p.threads, p.batch_size) == wanted}

    def cost(self, what: str, batch_size: int) -> Cost:
        """What that pass needs at least."""
        return COSTS[what](self.architecture, batch_size)

    def floor(self, what: str, threads: int, batch_size: int) -> float:
        """The seconds that pass cannot get below on that many threads."""
        machine = next(m for m in self.machines if m.threads == threads)
        return machine.floor(self.cost(what, batch_size))

    def ratios(self) -> list[Ratio]:
        """Every ratio worth a line: of medians, between candidates that took turns."""
        found = []
        for threads, batch_size in self.sizes():
            for what in NAMES:
                label = f"{what}, batch {batch_size}, {count(threads)}"
                medians = {who: t.median for who, t in self.times(what, threads, batch_size).items()}
                medians["floor"] = self.floor(what, threads, batch_size)
                found += _ratios(label, medians, (*PASS_PAIRS, *((who, "floor") for who in medians if who != PLAIN)))
        seconds = {who: t.median for who, t in self.epoch.items()}
        found += _ratios("epoch of 60,000 images", seconds, [("paper", PLAIN), (BFLOAT16, PLAIN)])
        found += _ratios(LAYER, {who: t.median for who, t in self.convolution.items()}, [(THEIRS, OURS)])
        if isinstance(self.compiled, dict):
            medians = {who: t.median for who, t in self.compiled.items()}
            found += _ratios(f"step compiled, batch {COMPILED_BATCH}", medians, [(COMPILED, EAGER)])
        label = f"peak memory, batch {self.memory_batch}"
        return found + _ratios(label, self.memory, [("numpy_impl", "pytorch_lowlevel")])

    def to_json(self) -> dict[str, object]:
        """Plain lists and numbers: seconds, bytes, flops."""
        found = dataclasses.asdict(self)
        for row in found["passes"]:
            where = row["what"], row["threads"], row["batch_size"]
            row["floor"] = self.floor(*where)
            row |= dataclasses.asdict(self.cost(row["what"], row["batch_size"]))
        return found | {"ratios": [dataclasses.asdict(ratio) for ratio in self.ratios()]}


PASS_PAIRS = (("numpy_impl", "pytorch_lowlevel"), ("pytorch_lowlevel", "paper"), ("paper", PLAIN))


def _ratios(label: str, values: dict[str, float], pairs: Sequence[tuple[str, str]]) -> list[Ratio]:
    """The pairs of which both were measured."""
    return [Ratio(label, a, b, values[a] / values[b]) for a, b in pairs if a != b and a in values and b in values]


def count(threads: int) -> str:
    """The number of threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"
