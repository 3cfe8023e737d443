"""The results of a benchmark, their ratios, and both as JSON."""

import dataclasses
from collections.abc import Mapping, Sequence

from foundation.architecture import Architecture
from ladder.bench.floor import Cost, Machine, forward_cost, step_cost
from ladder.bench.timing import Time

PLAIN = "plain loop"
"""The training loop of tutorials, `ladder.bench.tutorial`."""
BFLOAT16 = "paper bf16"
EAGER, COMPILED = "paper", "paper compiled"
OURS, NUMPY_ML = "numpy_impl", "numpy-ml"
LAYER = "Conv2D (128, 14, 14, 32) to 64, k3 s2 p1, forward and backward, 1 thread"
IMAGES, BATCH = 60_000, 128
"""Images of an epoch, and images of a step of rung 3 in comparisons."""
COSTS = {"step": step_cost, "forward": forward_cost}
NAMES = {"step": "training step", "forward": "forward pass"}


@dataclasses.dataclass(frozen=True)
class PassTime:
    """The time of a whole pass of one rung, or of the plain loop."""

    what: str
    """step or forward"""
    who: str
    batch_size: int
    threads: int
    time: Time


@dataclasses.dataclass(frozen=True)
class PartTime:
    """The time of one operation of the NumPy step, and of the same one in torch (None without torch)."""

    operation: str
    direction: str
    """forward, backward, or update"""
    numpy: Time
    torch: Time | None


@dataclasses.dataclass(frozen=True)
class DrawsTime:
    """The time of a training step of the IWAE, with all draws in one product and with a loop over the draws."""

    images: int
    draws: int
    """Of z for each image."""
    threads: int
    product: Time
    loop: Time

    def rate(self, time: Time) -> float:
        """Images × draws in a second."""
        return self.images * self.draws / time.median


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One time, or one size, divided by another."""

    what: str
    numerator: str
    denominator: str
    value: float


@dataclasses.dataclass(frozen=True)
class Results:
    """All measurements of one run of `vae-ladder bench`."""

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
    """Rung 1's and numpy-ml's; empty where numpy-ml is not installed."""
    compiled: dict[str, Time] | str
    """Rung 3's step with and without torch.compile, or the reason why it was not measured."""
    draws: list[DrawsTime]
    """Empty without torch."""

    def sizes(self) -> list[tuple[int, int]]:
        """(threads, batch size) of every comparison, in the order of measurement."""
        return list(dict.fromkeys((p.threads, p.batch_size) for p in self.passes))

    def times(self, what: str, threads: int, batch_size: int) -> dict[str, Time]:
        """The times of one comparison, by rung or loop."""
        wanted = (what, threads, batch_size)
        return {p.who: p.time for p in self.passes if (p.what, p.threads, p.batch_size) == wanted}

    def cost(self, what: str, batch_size: int) -> Cost:
        """The least work of a pass."""
        return COSTS[what](self.architecture, batch_size)

    def floor(self, what: str, threads: int, batch_size: int) -> float:
        """The least seconds of a pass on that many threads."""
        machine = next(m for m in self.machines if m.threads == threads)
        return machine.floor(self.cost(what, batch_size))

    def ratios(self) -> list[Ratio]:
        """The ratios of medians, between tasks that took turns."""
        found = []
        for threads, batch_size in self.sizes():
            for what in NAMES:
                label = f"{what}, batch {batch_size}, {count(threads)}"
                medians = {who: t.median for who, t in self.times(what, threads, batch_size).items()}
                medians["floor"] = self.floor(what, threads, batch_size)
                found += _ratios(label, medians, (*PASS_PAIRS, *((who, "floor") for who in medians if who != PLAIN)))
        seconds = {who: t.median for who, t in self.epoch.items()}
        found += _ratios("epoch of 60,000 images", seconds, [("paper", PLAIN), (BFLOAT16, PLAIN)])
        found += _ratios(LAYER, {who: t.median for who, t in self.convolution.items()}, [(NUMPY_ML, OURS)])
        if isinstance(self.compiled, dict):
            medians = {who: t.median for who, t in self.compiled.items()}
            found += _ratios(f"step compiled, batch {BATCH}", medians, [(COMPILED, EAGER)])
        for one in self.draws:
            label = f"IWAE step, batch {one.images}, K = {one.draws}, {count(one.threads)}"
            found.append(Ratio(label, "loop over draws", "one product", one.loop.median / one.product.median))
        label = f"peak memory, batch {self.memory_batch}"
        return found + _ratios(label, self.memory, [("numpy_impl", "pytorch_lowlevel")])

    def to_json(self) -> dict[str, object]:
        """The results as lists and numbers: seconds, bytes, flops."""
        found = dataclasses.asdict(self)
        for row in found["passes"]:
            where = row["what"], row["threads"], row["batch_size"]
            row["floor"] = self.floor(*where)
            row |= dataclasses.asdict(self.cost(row["what"], row["batch_size"]))
        return found | {"ratios": [dataclasses.asdict(ratio) for ratio in self.ratios()]}


PASS_PAIRS = (("numpy_impl", "pytorch_lowlevel"), ("pytorch_lowlevel", "paper"), ("paper", PLAIN))


def _ratios(label: str, values: Mapping[str, float], pairs: Sequence[tuple[str, str]]) -> list[Ratio]:
    """The ratios of those pairs of which both were measured."""
    return [Ratio(label, a, b, values[a] / values[b]) for a, b in pairs if a != b and a in values and b in values]


def count(threads: int) -> str:
    """`1 thread` or `2 threads`."""
    return "1 thread" if threads == 1 else f"{threads} threads"
