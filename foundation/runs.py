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
import platform
import re
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from foundation.architecture import Parameters
from foundation.errors import InputError
from foundation.files import cannot_write, remove_leftovers, to_json, write_json, write_text
from foundation.rung import Description
from foundation.schema import read_object
from foundation.weights import load_weights, save_weights

STAMP_FORMAT = "%Y-%m-%d_%H%M%S"
STAMP_LENGTH = len("2026-01-31_142501")


NO_RESUME = "written by version 0.1, which drew in another order: it can be drawn and evaluated, but not resumed"


@dataclasses.dataclass(frozen=True)
class Run:
    """One run folder; made by `create_run`, read by `open_run`."""

    path: Path
    config: dict[str, Any]

    @property
    def metrics_path(self) -> Path:
        """Where `log` writes: one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def weights_path(self) -> Path:
        """Where `save_weights` writes."""
        return self.path / "weights.safetensors"

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

    def figure_path(self, name: str) -> Path:
        """Where the picture of that name belongs."""
        return self.path / "figures" / f"{name}.png"

    def log(self, **fields: Any) -> None:
        """Append one line to the log. It reaches the system at once, in one piece: Ctrl-C loses nothing."""
        line = to_json(fields).encode() + b"\n"
        try:
            with open(self.metrics_path, "ab") as file:
                file.write(line)
        except OSError as error:
            raise cannot_write(self.metrics_path, error) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Every line logged so far, without a last line that a killed process left torn.

        Raises `InputError` for any other line that is not a JSON object.
        """
        if not self.metrics_path.is_file():
            return []
        *lines, rest = self.metrics_path.read_bytes().split(b"\n")
        records = [_parse_object(line, f"{self.metrics_path}, line {i}") for i, line in enumerate(lines, 1)]
        if rest:  # no line end: torn, or complete to the last brace
            with contextlib.suppress(InputError):
                records.append(_parse_object(rest, str(self.metrics_path)))
        return records

    def keep_metrics(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Write the log anew with the lines that are wanted, whole or not at all."""
        lines = [to_json(record) + "\n" for record in self.metrics() if wanted(record)]
        write_text(self.metrics_path, "".join(lines))

    def check_there(self) -> None:
        """Raise `InputError` where the folder is gone, before a part of it is made anew under its old name."""
        if not _is_run(self.path):
            raise InputError(f"{self.path}: the run folder is gone; was it renamed or deleted?")

    def save_weights(self, parameters: Parameters, description: Description) -> None:
        """Write the run's weights; see `foundation.weights.save_weights`."""
        save_weights(self.weights_path, parameters, description)

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

    def subrun(self, name: str, config: dict[str, Any]) -> "Run":
        """Make a run inside this one, such as one rung of a climb. Raises `InputError` if the name is taken."""
        path = self.path / _checked_name(name)
        if not _make_folder(path):
            raise InputError(f"{path}: there already, expected a new sub-run")
        return _start(path, config)

    def subruns(self) -> dict[str, "Run"]:
        """The runs inside this one by name, in the order in which they were made."""
        return {path.name: open_run(path) for path in _run_folders(self.path)}


def create_run(out: str | Path, name: str, config: dict[str, Any]) -> Run:
    """Make the folder `<out>/<date>_<time>_<name>` with its config.json, never one that is there already.

    Raises `InputError` where `out` cannot be written.
    """
    path = Path(out) / f"{time.strftime(STAMP_FORMAT)}_{_checked_name(name)}"
    candidates = itertools.chain([path], (path.with_name(f"{path.name}-{i}") for i in itertools.count(2)))
    return _start(next(candidate for candidate in candidates if _make_folder(candidate)), config)


def open_run(path: str | Path) -> Run:
    """Read a run folder. Raises `InputError` when `path` is not one."""
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: {'a file' if path.exists() else 'no such folder'}, expected a run folder")
    if not _is_run(path):
        raise InputError(f"{path}: not a run folder, it has no config.json")
    config_path = path / "config.json"
    return Run(path, upgrade(_parse_object(config_path.read_bytes(), str(config_path)), str(config_path)))


def upgrade(config: dict[str, Any], source: str = "config.json") -> dict[str, Any]:
    """A configuration as this version writes it; those of version 0.1, of rungs and of models, had two other forms.

    Theirs are marked by `format`. Raises `InputError`, beginning with the source, where one is damaged.
    """
    if config.get("command") == "train" and "model" in config and "rung" not in config:
        return config | {"rung": "paper", "format": "0.1"}
    if not {"architecture", "objective", "training"} <= config.keys():
        return config
    architecture, objective, training = (config[name] for name in ("architecture", "objective", "training"))
    try:
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
        started = datetime.datetime.fromisoformat(_parse_object(path.read_bytes(), "")["started"])
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


def _parse_object(text: bytes, source: str) -> dict[str, Any]:
    """A JSON object, or `InputError` with its source."""
    try:
        return read_object(text, source)
    except ValueError as error:
        raise InputError(str(error)) from error
