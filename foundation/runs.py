"""Run folders: the configuration, the log, the weights and the pictures that a run leaves behind.

    runs/2026-01-31_142501_climb/
        config.json            command, options, versions
        metrics.jsonl          a line for each step and each epoch
        weights.safetensors
        figures/*.png
        numpy_impl/ ...        sub-runs, each such a folder itself

A folder is a run when it holds config.json, which is written first. Whatever ends the process, even kill -9,
leaves files that are whole and a log of which at most the last line is torn.
"""

import contextlib
import dataclasses
import datetime
import itertools
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from foundation.architecture import Parameters
from foundation.errors import InputError, shown
from foundation.files import (
    append,
    cannot_write,
    open_regular,
    read_file,
    remove_leftovers,
    to_json,
    write_bytes,
    write_json,
)
from foundation.records import MOST_STEPS, check_log
from foundation.rung import Description, ImageShape, check_described
from foundation.schema import from_json, read_object
from foundation.weights import load_weights, save_weights

Choice = Literal["last", "best"]
STAMP_FORMAT = "%Y-%m-%d_%H%M%S"
STAMP_LENGTH = len("2026-01-31_142501")


NO_RESUME = "written by version 0.1, which drew in another order: it can be drawn and evaluated, but not resumed"
OLD_FIELDS = {
    "architecture": {"latent_dim", "channels", "hidden_dim", "image_shape"},
    "objective": {"likelihood", "beta", "sigma"},
    "training": {"epochs", "batch_size", "learning_rate", "seed"},
}
"""What version 0.1 wrote about a rung in config.json."""
MOST_BYTES = 2**20
"""Of config.json, and of a line of the log; both take a few hundred bytes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extension:
    """One time that a training was given more epochs than it was begun with."""

    before: int
    """Epochs that it was to have until then"""
    epochs: int
    """Epochs that it was to have from then on"""
    after_epoch: int
    """The last epoch that was done then"""
    depends_on_length: tuple[str, ...]
    """Which of its options depend on the number of epochs; where none does, the result is that of `epochs` at once"""
    started: str

    def __post_init__(self) -> None:
        if not 0 <= self.after_epoch <= self.before < self.epochs:
            raise InputError(f"extended: expected more epochs than before, got {self.before} and {self.epochs}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What config.json holds, whichever command wrote it: none of the fields is in all of them.

    Text that is only shown may be any; what a command computes with, it checks (`paper.runs.read_options`).
    """

    command: str | None = None
    command_line: str | None = None
    model: str | None = None
    rung: str | None = None
    rungs: tuple[str, ...] | None = None
    mine: dict[str, str] | None = None
    """Of a training by the learner's own functions: whose each function is"""
    options: dict[str, Any] | None = None
    image_shape: ImageShape | None = None
    class_count: int | None = None
    classes: tuple[str, ...] | None = None
    data: str | None = None
    data_root: str | None = None
    train_images: int | None = None
    test_images: int | None = None
    parameters: int | None = None
    threads: int | None = None
    versions: dict[str, str | None] | None = None
    started: str | None = None
    format: str | None = None
    name: str | None = None
    """Of an experiment, as are the next two"""
    seed: int | None = None
    settings: dict[str, Any] | None = None
    extended: tuple[Extension, ...] | None = None
    """What `train --resume RUN --epochs N` added, oldest first"""
    left_out: tuple[str, ...] | None = None
    """Files of a folder of images that could not be read, with the reasons, where --data.skip leaves them out"""
    weights: str | None = None
    """As version 0.1 wrote it"""

    def __post_init__(self) -> None:
        if self.image_shape is not None:
            check_described(self.image_shape, self.class_count or 0)
        for name in ("train_images", "test_images", "parameters", "threads"):
            if not 0 <= (getattr(self, name) or 0) <= MOST_STEPS:
                raise InputError(f"{name}: expected a count, got {getattr(self, name)}")


@dataclasses.dataclass(frozen=True)
class Run:
    """One run folder; made by `create_run`, read by `open_run`."""

    path: Path
    config: dict[str, Any]
    weights: Choice = "last"
    """Which of its weights are read: those of the last epoch, or those of the epoch with the least validation loss"""

    def choose(self, weights: Choice) -> "Run":
        """The same run with the weights of the last or of the best epoch, and so with places of their own for results.

        Raises `InputError` where there are none of a best epoch.
        """
        chosen = dataclasses.replace(self, weights=weights)
        parts = list(chosen.subruns().values()) or [chosen]
        if weights == "best" and not any(part.weights_path.exists() for part in parts):
            raise InputError(
                f"{self.path}: no best.safetensors, which is written where validation images are kept aside "
                "(--data.validation); expected --weights last"
            )
        return chosen

    @property
    def metrics_path(self) -> Path:
        """Where `log` writes: one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def weights_path(self) -> Path:
        """Where `save_weights` writes, or the weights that were chosen."""
        return self.path / ("best.safetensors" if self.weights == "best" else "weights.safetensors")

    def description(self) -> Description:
        """The model of the run, as config.json describes it. Raises `InputError` for a run of several models."""
        config = self.config
        if config.get("command") != "train" or "options" not in config:
            raise InputError(f"{self.path}: expected the run of one model; of a climb name a rung's folder in it")
        try:
            channels, height, width = map(int, config["image_shape"])
            shape, count = (channels, height, width), int(config["class_count"])
            return Description(str(config["model"]), dict(config["options"]["model"]), shape, count)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.path / 'config.json'}: damaged, expected model and options ({error})") from error

    def lengths(self) -> tuple[int, ...]:
        """The numbers of epochs that the run was to have before it was extended; empty where it never was."""
        return tuple(extension["before"] for extension in self.config.get("extended") or ())

    def extend(self, extension: Extension) -> "Run":
        """The same run with more epochs, as config.json says from then on."""
        options = dict(self.config["options"]) | {"epochs": extension.epochs}
        extended = [*(self.config.get("extended") or ()), dataclasses.asdict(extension)]
        config = self.config | {"options": options, "extended": extended}
        self.check_there()
        write_json(self.path / "config.json", config)
        return dataclasses.replace(self, config=config)

    def figure_path(self, name: str) -> Path:
        """Where the picture of that name belongs; those of the best epoch's weights in a folder of their own."""
        folder = self.path / "figures"
        return (folder / "best" if self.weights == "best" else folder) / f"{name}.png"

    def log(self, **fields: Any) -> None:
        """Append one line to the log. It reaches the system at once, in one piece: Ctrl-C loses nothing."""
        line = to_json(fields).encode() + b"\n"
        try:
            append(self.metrics_path, line)
        except OSError as error:
            raise cannot_write(self.metrics_path, error) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Every line logged so far, without a last line that a killed process left torn.

        Raises `InputError` for any other line that is not a JSON object.
        """
        return [record for _, record in self._lines()]

    def training_log(self) -> list[dict[str, Any]]:
        """The same of a training: every line is checked to be that of a step or an epoch (`records.check_log`)."""
        records = self.metrics()
        check_log(records, self.metrics_path)
        return records

    def keep_metrics(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Write the log anew with the lines that are wanted, byte for byte, whole or not at all."""
        write_bytes(self.metrics_path, b"".join(line + b"\n" for line, record in self._lines() if wanted(record)))

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Each line of the log, and the object that it holds; see `metrics`."""
        if not (self.metrics_path.exists() or self.metrics_path.is_symlink()):
            return
        try:
            with open_regular(self.metrics_path) as file:
                for i in itertools.count(1):
                    line = file.readline(MOST_BYTES + 1)
                    if not line.endswith(b"\n") and len(line) <= MOST_BYTES:
                        break
                    yield line[:-1], read_object(line[:MOST_BYTES], f"{self.metrics_path}, line {i}")
        except OSError as error:
            raise InputError(f"{self.metrics_path}: cannot be read ({error.strerror or error})") from error
        with contextlib.suppress(InputError):  # no line end: torn, or complete to the last brace
            yield line, read_object(line, str(self.metrics_path))

    def check_there(self) -> None:
        """Raise `InputError` where the folder is gone, before a part of it is made anew under its old name."""
        if not _is_run(self.path):
            raise InputError(f"{self.path}: the run folder is gone; was it renamed or deleted?")

    def check_trained(self) -> None:
        """Raise `InputError` where there are no weights. What is no file counts as such, and is refused when read."""
        if not os.path.lexists(self.weights_path):
            raise InputError(f"{self.path}: no weights yet, no epoch of this training has ended")

    def save_weights(self, parameters: Parameters, description: Description, settings: Mapping[str, str] = {}) -> None:
        """Write the run's weights; see `foundation.weights.save_weights`."""
        save_weights(self.weights_path, parameters, description, settings)

    def load_weights(self) -> tuple[Parameters, Description]:
        """Read the run's weights; see `foundation.weights.load_weights`."""
        return load_weights(self.weights_path)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other trainings out of the folder. The lock ends with the process, whatever ends it.

        The lock's file stays: where it is deleted, a process that waits at the old file and one that makes a new file
        would both get in. Temporary files of killed processes are removed. Raises `InputError` where another process is
        training there.
        """
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(f"{self.path}: in use, another process is training there") from None
        except OSError as error:
            raise cannot_write(self.path, error) from error
        try:
            remove_leftovers(self.path)
            yield
        finally:
            remove_leftovers(self.path)
            lock.release()

    def in_use(self) -> bool:
        """Whether a process is training in the folder; without the lock's file, which a training makes, none is.

        Nor is one known of in the folder of another user, whose lock cannot be tried: what lies there is whole anyway.
        """
        path = self.path / ".lock"
        try:
            if path.exists():
                with FileLock(path, timeout=0):
                    pass
        except Timeout:
            return True
        except PermissionError:
            return False
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return False

    def subrun(self, name: str, config: dict[str, Any]) -> "Run":
        """Make a run inside this one, such as one rung of a climb. Raises `InputError` if the name is taken."""
        path = self.path / _checked_name(name)
        if not _make_folder(path):
            raise InputError(f"{path}: there already, expected a new sub-run")
        return _start(path, config)

    def subruns(self) -> dict[str, "Run"]:
        """The runs inside this one by name, in the order in which they were made.

        Raises `InputError` for a link, through which pictures would be drawn into another folder.
        """
        folders = _run_folders(self.path)
        for path in folders:
            _refuse_link(path)
        return {path.name: dataclasses.replace(open_run(path), weights=self.weights) for path in folders}


def create_run(out: str | Path, name: str, config: dict[str, Any]) -> Run:
    """Make the folder `<out>/<date>_<time>_<name>` with its config.json, never one that is there already.

    Raises `InputError` where `out` cannot be written.
    """
    path = Path(out) / f"{time.strftime(STAMP_FORMAT)}_{_checked_name(name)}"
    candidates = itertools.chain([path], (path.with_name(f"{path.name}-{i}") for i in itertools.count(2)))
    return _start(next(candidate for candidate in candidates if _make_folder(candidate)), config)


def open_run(path: str | Path) -> Run:
    """Read a run folder. Raises `InputError` when `path` is not one.

    Nothing in the folder may lead out of it: its pictures are not written through a link.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: {'a file' if path.exists() else 'no such folder'}, expected a run folder")
    if not _is_run(path):
        raise InputError(f"{path}: not a run folder, it has no config.json")
    _refuse_link(path / "figures")
    _refuse_link(path / "figures" / "best")
    return Run(path, read_config(path / "config.json"))


def read_config(path: Path) -> dict[str, Any]:
    """The content of config.json, as this version writes it. Raises `InputError` for what is none."""
    config = upgrade(read_object(read_file(path, MOST_BYTES), str(path)), str(path))
    try:
        from_json(Config, config)
    except ValueError as error:
        raise InputError(f"{path}: damaged, expected the configuration of a run ({error})") from error
    return config


def upgrade(config: dict[str, Any], source: str = "config.json") -> dict[str, Any]:
    """A configuration as this version writes it; those of version 0.1, of rungs and of models, had two other forms.

    Theirs are marked by `format`. Raises `InputError`, beginning with the source, where one is damaged.
    """
    if config.get("command") == "train" and "model" in config and "rung" not in config:
        return config | {"rung": "paper", "format": "0.1"}
    if not OLD_FIELDS.keys() <= config.keys():
        return config
    architecture, objective, training = (config[name] for name in OLD_FIELDS)
    try:
        for name, fields in OLD_FIELDS.items():
            if unknown := sorted(set(config[name]) - fields):
                raise InputError(f"{source}: damaged, {name}.{shown(unknown[0])} is unknown")
        beta = {} if objective["beta"] == 1 else {"beta": objective["beta"]}
        model = {
            "latent_dim": architecture["latent_dim"],
            "channels": architecture["channels"],
            "hidden_dims": [architecture["hidden_dim"]],
            "likelihood": objective["likelihood"],
            "sigma": objective["sigma"],
        }
        options = {
            "model": model | beta,
            "rung": config.get("rung", "paper"),
            # A rung trained on all images and kept none aside.
            "data": {"name": config["data"], "root": config["data_root"], "validation": 0.0},
            "optimizer": {"learning_rate": training["learning_rate"]},
            "epochs": training["epochs"],
            "batch_size": training["batch_size"],
            "seed": training["seed"],
        }
        rest = {key: value for key, value in config.items() if key not in ("architecture", "objective", "training")}
        name = "beta-vae" if beta else "vae"
        described = {"model": name, "options": options, "image_shape": architecture["image_shape"], "class_count": 0}
        return rest | described | {"format": "0.1"}
    except (KeyError, TypeError) as error:
        raise InputError(f"{source}: damaged, expected a run of version 0.1 ({error})") from error


def latest_run(out: str | Path) -> Run:
    """The newest run in the folder `out`. Raises `InputError` when there is none."""
    folders = _run_folders(Path(out))
    if not folders:
        raise InputError(f"{out}: no run in this folder; make one with `vae-ladder climb` or `vae-ladder train`")
    return open_run(max(folders, key=_started))


def versions() -> dict[str, str | None]:
    """What a run was made with, for its configuration; None for a package that is not installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in ("numpy", "torch")}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _started(folder: Path) -> tuple[float, int]:
    """Sort key of a run: the instant at which it started, then that of its config.json on disk.

    The instant comes from config.json, with its time zone, since the clock that names folders may be put back; without
    it from the folder's name, and without that from the file's date.
    """
    path = folder / "config.json"
    written = path.stat().st_mtime_ns
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        started = datetime.datetime.fromisoformat(read_object(read_file(path, MOST_BYTES), "")["started"])
        return started.timestamp(), written
    with contextlib.suppress(ValueError, OverflowError):
        return time.mktime(time.strptime(folder.name[:STAMP_LENGTH], STAMP_FORMAT)), written
    return written / 1e9, written


def _run_folders(parent: Path) -> list[Path]:
    """The run folders directly inside `parent`, oldest first."""
    if not parent.is_dir():
        return []
    return sorted(filter(_is_run, parent.iterdir()), key=lambda folder: (_started(folder)[1], folder.name))


def _is_run(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _checked_name(name: str) -> str:
    """A name that stays one folder, on every system."""
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise InputError(f"run name: expected letters, digits and any of . _ + -, got {name!r}")
    return name


def _make_folder(path: Path) -> bool:
    """Make a folder and its parents; False if it is there already."""
    try:
        path.mkdir(parents=True)
    except OSError as error:
        if path.exists():
            return False
        raise cannot_write(path, error) from error
    return True


def _start(path: Path, config: dict[str, Any]) -> Run:
    """Fill a new folder; the configuration is read back, so that a run looks the same now and later."""
    write_json(path / "config.json", config)
    return open_run(path)


def _refuse_link(path: Path) -> None:
    """Raise `InputError` for a symbolic link, through which files elsewhere would be written."""
    if path.is_symlink():
        raise InputError(f"{path}: a link, expected a folder of the run's own")
