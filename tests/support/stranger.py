"""Reads hostile files as the commands do, in a process of its own with limits, and says how each reading ended.

    python -m tests.support.stranger KIND:FIRST:COUNT ...

prints a line of JSON for each file: before it is read `{"case": ..}`, then the outcome with its seconds and memory. A
process that dies is thereby told from a file that was not read yet.
"""

import contextlib
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from exercises.kit.answers import PROGRESS_FILE, Progress, Record
from exercises.kit.catalogue import catalogue
from foundation import command_line
from foundation.architecture import Architecture
from foundation.command_line import LONGEST
from foundation.files import write_json
from foundation.runs import Run, open_run
from ladder import cli
from ladder.parity import compare
from ladder.report import write_report
from paper.evaluation import disentanglement
from tests.support.mutations import Mutation, cache_file, lacking, mutate
from tests.support.pictures import write_pictures

SECONDS = 10
"""Of the processor, and fourfold by the clock, which other programs share; a reading that waits is found by either."""
BYTES = 500 * 10**6
"""Beside what the process holds before it reads, which is mostly the libraries."""
RUNS = {
    "numpy": "beta-vae --rung numpy_impl --channels 2 3 --hidden-dims 5 --beta 2 --kl.schedule linear",
    "paper": "cvae --channels 2 3 --hidden-dims 5 --data.binarise dynamic",
}
OLD = {
    "numpy_impl": "beta-vae --rung numpy_impl --channels 2 3 --hidden-dims 5 --beta 4 --likelihood gaussian",
    "vae": "vae --channels 2 3 --hidden-dims 5",
}
"""Runs of version 0.1, of a rung and of a model, and how a training is called that can start from their weights."""
OLD_IMAGES = {"train": 100, "test": 40}
OLD_RUNS = Path(__file__).parents[1] / "data" / "runs_0_1"
COMMON = "--epochs 2 --batch-size 7 --latent-dim 2 --device cpu"
READERS = ("resume", "figures", "evaluate", "explore", "weights")
FREE = ("metrics", "parity", "images", "labels", "progress", "old config", "old metrics", "old weights")
"""Kinds of files whose values nothing else vouches for: where one is changed into another of its type, it is read."""


class Hang(BaseException):
    """A reading that takes too long; no `except Exception` may take it for an error of its own."""


def stop(*signal_and_frame: Any) -> None:
    """The handler of both clocks."""
    raise Hang


class Bench:
    """A training of each kind, whole and stopped after its first epoch, and its result if nothing is hostile."""

    def __init__(self, folder: Path, with_runs: bool) -> None:
        self.folder = folder
        os.environ["VAE_LADDER_CACHE"] = str(folder / "cache")
        if with_runs:
            self.train()

    def train(self) -> None:
        """Make the runs, and read each of them as it is."""
        folder = self.folder
        take_few_glyphs()
        disentanglement.PAIRS, disentanglement.POINTS = 64, 10  # as many images as the scores need, not as they deserve
        (folder / "data").mkdir()
        for name in ("apples", "pears"):
            write_pictures(folder / "data" / name, 12)
        self.drawn: list[str] = []
        import ladder.figures

        ladder.figures.draw_model = self.draw  # type: ignore[assignment]
        self.whole, self.stopped = {}, {}
        for name, options in RUNS.items():
            train = f"train {options} {COMMON} --data {folder / 'data'} --out"
            self.whole[name] = self.made(f"{train} {folder / name}", folder / name)
            with stopping_after(1 + 3 + 1 + 2):
                self.stopped[name] = self.made(f"{train} {folder / name}-stopped", folder / f"{name}-stopped")
        self.whole |= {name: OLD_RUNS / name for name in OLD}
        self.expected: dict[tuple[str, str], Any] = {}
        for command in READERS:
            for name in self.whole:
                place = self.fresh(command, name)
                code, error, _ = call(self.arguments(command, name, place))
                if command == "resume" and name in OLD:
                    assert (code, "0.1" in error) == (2, True) or (place / "test.json").is_file(), error
                    continue
                assert code == 0, error
                self.expected[command, name] = self.outcome(command, place)

    def made(self, command: str, out: Path) -> Path:
        """The run that a command makes."""
        call(command.split())
        (path,) = out.iterdir()
        return path

    def draw(self, run: Run, rung: Any, test: Any, pixels: bool = False) -> list[Path]:
        """Stands for the pictures of a model: what it makes of some images, and the images."""
        c = rung.condition(test.images[:4], test.labels[:4])
        x_hat = rung.reconstruct(test.images[:4], c)
        self.drawn.append(hashlib.sha256(x_hat.tobytes() + test.images.tobytes()).hexdigest())
        return []

    def fresh(self, command: str, name: str) -> Path:
        """A copy of the run that a command reads."""
        place = self.folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.run(command, name), place)
        return place

    def run(self, command: str, name: str) -> Path:
        """The run that a command reads as it was made."""
        return (self.whole | self.stopped if command == "resume" else self.whole)[name]

    def arguments(self, command: str, name: str, place: Path) -> list[str]:
        """The command line that reads the run."""
        if command == "weights":
            more = f"{COMMON.replace('--epochs 2', '--epochs 1')} --data {self.folder / 'data'} --out {place / 'out'}"
            return f"train {(RUNS | OLD)[name]} {more} --weights {place / 'weights.safetensors'}".split()
        return {
            "resume": ["train", "--resume", str(place)],
            "figures": ["figures", str(place)],
            "evaluate": ["evaluate", str(place), "--draws", "0"],
            "explore": ["explore", str(place)],
        }[command]

    def outcome(self, command: str, place: Path) -> Any:
        """What a command left behind, without times."""
        if command == "figures":
            picture = place / "figures" / "training_curves.png"
            return self.drawn[-1], hashlib.sha256(picture.read_bytes()).hexdigest() if picture.is_file() else None
        if command == "evaluate":
            found = json.loads((place / "evaluation.json").read_text())
            return {key: value for key, value in found.items() if key not in ("seconds", "command", "run", "versions")}
        if command == "explore":
            return hashlib.sha256((place / "explorer.html").read_bytes()).hexdigest()
        run = place if command == "resume" else next((place / "out").iterdir())
        log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        log = [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in log]
        tensors = (run / "weights.safetensors").read_bytes()[-4000:]
        return hashlib.sha256(tensors).hexdigest(), json.loads((run / "test.json").read_text()), log


def take_few_glyphs() -> None:
    """Let the runs of version 0.1 find the images that they were trained on: the first of the data set's."""
    from foundation.data import splits

    load = splits.load
    splits.load = lambda name, split, **rest: load(  # type: ignore[assignment]
        name, split, **(rest | {"count": OLD_IMAGES[split]} if name == "glyphs" else rest)
    )


@contextlib.contextmanager
def stopping_after(lines: int) -> Any:
    """Ctrl-C as soon as that many lines were logged."""
    log, count = Run.log, 0

    def log_and_stop(self: Run, **fields: Any) -> None:
        nonlocal count
        log(self, **fields)
        count += 1
        if count == lines:
            raise KeyboardInterrupt

    Run.log = log_and_stop  # type: ignore[method-assign]
    yield
    Run.log = log  # type: ignore[method-assign]


def call(arguments: list[str]) -> tuple[int, str, str]:
    """The exit code of a command line, its standard error and its standard output."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = cli.main(arguments)
    return code, error.getvalue(), out.getvalue()


def files(folder: Path) -> dict[str, Any]:
    """What lies in a folder, without the lock: the size of what is large, the content of the rest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name != ".lock" and path.is_file():
            status = path.stat()
            found[str(path.relative_to(folder))] = status.st_size if status.st_size > 10**7 else path.read_bytes()
    return found


def judge(command: str, kind: str, name: str, bench: Bench, mutation: Mutation, file: str) -> str:
    """Let a command read a run with a hostile file; how that ended."""
    place = bench.fresh(command, name)
    mutation.write(place / file)
    before = files(place)
    code, error, said = call(bench.arguments(command, name, place))
    if code == 0 and (command, name) not in bench.expected:
        return "right" if files(place) == before else "SILENT: a finished run changed"
    if code == 0:
        after = bench.outcome(command, place)
        if mutation.wrong and not (file == "weights.safetensors" and command == "resume"):
            return "SILENT: taken though it is wrong"
        if after == bench.expected[command, name]:
            return "right"
        if kind == "gone" and command in ("resume", "figures"):  # which read the log
            return "other" if "missing" in said or command == "figures" else "SILENT: a log with a gap"
        return "other" if kind in FREE or "sealed" in mutation.what else "SILENT: another result"
    diverged = code == 1 and "diverged" in error  # as a huge number makes a training
    if not (code == 2 or diverged) or error.count("\n") != 1 or len(error) > LONGEST + 100:
        return f"LOUD: exit code {code}, {error[:300]}"
    after = files(place)
    if {path: after.get(path) for path in before} != before:
        return f"LOUD: files changed, {error[:200]}"
    return f"refused: {error.strip()}"


def run_reading(
    kind: str, file: str, commands: tuple[str, ...], names: Iterable[str] = RUNS
) -> Callable[[Bench, int], tuple[str, Any]]:
    """How one file of a run is read."""
    runs = list(names)

    def read(bench: Bench, number: int) -> tuple[str, Any]:
        name = runs[number % len(runs)]
        command = commands[number // len(runs) % len(commands)]
        blob = (bench.run(command, name) / file).read_bytes()
        mutation = mutate(kind, number, blob)
        return f"{command} {name}: {mutation.what}", lambda: judge(command, kind, name, bench, mutation, file)

    return read


def read_gone(bench: Bench, number: int) -> tuple[str, Any]:
    """A run folder in which some files are missing, empty, or something else."""
    names = list(bench.whole)
    name, command = names[number % len(names)], READERS[number // len(names) % len(READERS)]
    present = sorted(path.name for path in bench.run(command, name).iterdir() if path.is_file())
    changed = lacking(number, [path for path in present if path != ".lock"])
    what = ", ".join(f"{path} {way.what}" for path, way in changed.items())

    def write(place: Path) -> None:
        for path, way in changed.items():
            way.write(place / path)

    mutation = Mutation(what, write)
    return f"{command} {name}: {what}", lambda: judge(command, "gone", name, bench, mutation, ".")


def read_parity(bench: Bench, number: int) -> tuple[str, Any]:
    """The comparisons of a climb, for its report."""
    place = bench.folder / "climb"
    if not place.exists():
        shutil.copytree(Path(__file__).parents[1] / "data" / "runs_0_1" / "climb", place)
        report = compare(Architecture(2, (2, 3), 5, (1, 28, 28)), rungs=("numpy_impl", "paper"), steps=2)
        write_json(bench.folder / "parity.json", report.to_json())
    file, page = place / "parity.json", place / "report.html"
    blob = (bench.folder / "parity.json").read_bytes()
    mutation = mutate("parity", number, blob)

    def go() -> str:
        clear(file)
        file.write_bytes(blob)
        write_report(open_run(place))
        expected = page.read_bytes()
        page.unlink()
        mutation.write(file)
        return classified(lambda: call_function(lambda: write_report(open_run(place))), mutation, page, expected)

    return f"parity: {mutation.what}", go


def read_progress(bench: Bench, number: int) -> tuple[str, Any]:
    """A learner's progress."""
    place = bench.folder / "answers"
    file = place / PROGRESS_FILE
    if not place.exists():
        place.mkdir()
        records = {"04_kl": Record("a" * 64, "b" * 64, "c" * 64, "PASS", True, 2), "05_bernoulli": Record(hints=1)}
        write_json(bench.folder / "progress.json", records)
    blob = (bench.folder / "progress.json").read_bytes()
    mutation = mutate("progress", number, blob)
    page = place / "seen"

    def list_them() -> None:
        progress = Progress.load(place)
        states = [progress.state(entry) for entry in catalogue()]
        page.write_text(repr(([progress.record(entry.name) for entry in catalogue()], states)))

    def go() -> str:
        clear(file)
        file.write_bytes(blob)
        list_them()
        expected = page.read_bytes()
        page.unlink()
        mutation.write(file)
        return classified(lambda: call_function(list_them), mutation, page, expected)

    return f"progress: {mutation.what}", go


def classified(reading: Callable[[], tuple[int, str]], mutation: Mutation, page: Path, expected: bytes) -> str:
    """How a reading ended that writes one page of what it read."""
    code, error = reading()
    if code == 0:
        tolerated = any(way in mutation.what for way in ("one_more", "renamed"))
        if mutation.wrong and not (page.name == "seen" and tolerated):  # a later version may remember more
            return "SILENT: taken though it is wrong"
        return "right" if page.read_bytes() == expected else "other"
    if code != 2 or error.count("\n") != 1 or len(error) > LONGEST + 100:
        return f"LOUD: exit code {code}, {error[:300]}"
    return f"refused: {error.strip()}" if not page.exists() else "LOUD: refused and written"


def call_function(function: Callable[[], Any]) -> tuple[int, str]:
    """The exit code that a function would give a command, and its standard error."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        code = command_line.run("vae-ladder", lambda: 0 * bool(function()))
    return code, error.getvalue()


def clear(path: Path) -> None:
    """Take away whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def read_idx(part: str) -> Callable[[Bench, int], tuple[str, Any]]:
    """The files of MNIST."""
    from foundation.data import load
    from foundation.errors import InputError

    def read(bench: Bench, number: int) -> tuple[str, Any]:
        root = bench.folder / "mnist"
        folder = root / "MNIST" / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        values = {"images": rng.integers(256, size=(60, 28, 28), dtype=np.uint8), "labels": np.arange(60) % 10}
        blobs, paths = {}, {}
        for name, axes in (("images", 3), ("labels", 1)):
            array = values[name].astype(np.uint8)
            sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
            blobs[name] = bytes([0, 0, 8, axes]) + sizes + array.tobytes()
            paths[name] = folder / f"train-{name}-idx{axes}-ubyte"
            clear(paths[name])
            paths[name].write_bytes(blobs[name])
        mutation = mutate(part, number, blobs[part])

        def go() -> str:
            mutation.write(paths[part])
            try:
                found = load("mnist", "train", root=root)
            except InputError as error:
                return f"refused: {error}" if "\n" not in str(error) else f"LOUD: {error}"
            if mutation.wrong:
                return "SILENT: taken though it is wrong"
            same = np.array_equal(found.images[:, 0], values["images"] / np.float32(255))
            return "right" if same and np.array_equal(found.labels, values["labels"]) else "other"

        return f"{part}: {mutation.what}", go

    return read


def read_zip(bench: Bench, number: int) -> tuple[str, Any]:
    """The file of dSprites."""
    from foundation.data import dsprites, load
    from foundation.errors import InputError

    path = bench.folder / dsprites.FILE
    whole = bench.folder / "whole.npz"
    if not whole.exists():
        rng = np.random.default_rng(0)
        grid = np.indices((1, 3, 2, 4, 5, 5)).reshape(6, -1).T
        images = rng.integers(2, size=(len(grid), 64, 64), dtype=np.uint8)
        np.savez_compressed(whole, imgs=images, latents_classes=grid, latents_values=grid + 0.5)
    clear(path)
    shutil.copyfile(whole, path)
    shutil.rmtree(bench.folder / "cache", ignore_errors=True)
    expected = load("shapes", root=path, count=30)
    mutation = mutate("zip", number, whole.read_bytes())

    def go() -> str:
        mutation.write(path)
        try:
            found = load("shapes", root=path, count=30)
        except InputError as error:
            return f"refused: {error}" if "\n" not in str(error) else f"LOUD: {error}"
        if mutation.wrong:
            return "SILENT: taken though it is wrong"
        same = np.array_equal(found.images, expected.images)
        same = same and all(np.array_equal(found.factors[key], expected.factors[key]) for key in expected.factors)
        finite = all(np.isfinite(values).all() for values in found.factors.values())
        return "right" if same else "other" if finite else "SILENT: factors that are no numbers"

    return f"zip: {mutation.what}", go


def read_cache(bench: Bench, number: int) -> tuple[str, Any]:
    """Glyphs from the cache: whatever lies there, they are those of the seed."""
    import foundation.data.cache as cache
    from foundation.data import load

    keys: list[str] = []
    digest = cache._digest

    def keep(key: str, payload: bytes) -> bytes:
        keys.append(key)
        return digest(key, payload)

    cache._digest = keep
    folder = bench.folder / "cache"
    shutil.rmtree(folder, ignore_errors=True)
    expected = load("glyphs", count=30)
    cache._digest = digest
    (path,) = folder.iterdir()
    blob = path.read_bytes()
    if number % 3:
        mutation = cache_file(np.random.default_rng([14, 99, number]), blob, keys[-1])
    else:
        mutation = mutate("cache", number, blob)

    def go() -> str:
        mutation.write(path)
        found = load("glyphs", count=30)
        same = np.array_equal(found.images, expected.images) and np.array_equal(found.labels, expected.labels)
        same = same and all(np.array_equal(found.factors[key], expected.factors[key]) for key in expected.factors)
        if same:
            return "right"
        # Pixels under a checksum that is right for them: a forger's work, who could as well change this program.
        forged = found.images.shape == expected.images.shape and "checksum right" in mutation.what
        factors = all(np.array_equal(found.factors[key], expected.factors[key]) for key in expected.factors)
        return "other" if forged and factors else "SILENT: other images"

    return f"cache: {mutation.what}", go


READINGS: dict[str, Callable[[Bench, int], tuple[str, Any]]] = {
    "weights": run_reading("weights", "weights.safetensors", READERS[1:]),
    "checkpoint": run_reading("checkpoint", "checkpoint.safetensors", ("resume",)),
    "config": run_reading("config", "config.json", READERS[:4]),
    "parity": read_parity,
    "progress": read_progress,
    "metrics": run_reading("metrics", "metrics.jsonl", ("resume", "figures")),
    "gone": read_gone,
    "old weights": run_reading("old weights", "weights.safetensors", READERS[1:], OLD),
    "old config": run_reading("old config", "config.json", READERS[:4], OLD),
    "old metrics": run_reading("old metrics", "metrics.jsonl", ("figures",), OLD),
    "images": read_idx("images"),
    "labels": read_idx("labels"),
    "cache": read_cache,
    "zip": read_zip,
}


OF_RUNS = ("weights", "checkpoint", "config", "metrics", "gone", "old weights", "old config", "old metrics")
"""Kinds of files that are read as those of a training."""


def watched(go: Callable[[], str]) -> dict[str, Any]:
    """One reading under limits: its outcome, seconds of the processor, and the memory that it took in MB."""
    clear_peak()
    before, begin = peak(), time.process_time()
    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 4 * SECONDS)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        outcome = go()
    except Hang:
        outcome = f"LOUD: more than {SECONDS} s"
    except BaseException as error:
        outcome = f"LOUD: {''.join(traceback.format_exception(error))[-600:]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    memory = peak() - before
    if memory > BYTES:
        outcome = f"LOUD: {memory / 1e6:.0f} MB, {outcome}"
    return {"outcome": outcome, "seconds": round(time.process_time() - begin, 2), "MB": round(memory / 1e6)}


def clear_peak() -> None:
    """Begin to measure memory anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most memory that the process held since then, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(*shares: str) -> None:
    """Read some files of some kinds."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), any(share.partition(":")[0] in OF_RUNS for share in shares))
        limit = 4 * 10**9 + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for share in shares:
            kind, first, count = share.split(":")
            for number in range(int(first), int(first) + int(count)):
                what, go = READINGS[kind](bench, number)
                case = {"kind": kind, "case": number, "what": what}
                print(json.dumps(case), flush=True)
                print(json.dumps(case | watched(go)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
