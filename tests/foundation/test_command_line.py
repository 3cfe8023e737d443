"""Arguments from dataclasses, errors as exit codes, and signals: small programs that show each, good and bad."""

import dataclasses
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import pytest
from rich.table import Table
from rich.text import Text

from foundation.arguments import Flat, Hidden, Option, Positional, optional, user_path
from foundation.command_line import Page, parse, read_page, run, wrap
from foundation.console import make_console, print_table, say, step_display
from foundation.errors import Diverged, InputError, shown, suggest
from foundation.process import STOPS, hold_signals, stop_on_signals, terminal_width

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and devices as POSIX has them")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Images:
    """Which images to use."""

    name: Annotated[str, Option("NAME", aliases=("--images",))] = "digits"
    """Name of a data set."""
    root: Path | None = None
    """Where it lies."""
    labels: Annotated[tuple[int, ...], optional("CLASS..", "all")] = ()
    """Classes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Small:
    """A small model.

    Examples:
      program small --latent-dim 3
    """

    latent_dim: int = 20
    """Latent variables."""
    channels: tuple[int, int] = (32, 64)
    """Channels, 100% of them."""

    def __post_init__(self):
        if self.latent_dim < 1:
            raise InputError(f"latent_dim: expected at least 1, got {self.latent_dim}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Large(Small):
    """A large model."""

    latent_dim: int = 200
    width: float = 1.0
    """Factor on the channels."""


Model = TypeVar("Model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Generic[Model]):
    """Train a model.

    Details of training, in a paragraph.

    Examples:
      program --epochs 3
    """

    model: Flat[Model]
    images: Images = Images()
    start: Hidden[Images] = Images(name="letters")
    kind: Literal["plain", "fancy"] = "plain"
    """Which kind."""
    rate: float = 1e-3
    """Step size."""
    quick: bool = False
    """Less of everything."""
    colour: bool = True
    """Without colours."""
    weights: Annotated[Path | None, optional("FILE", "drawn")] = None
    """Start."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Files:
    """Read files."""

    files: Annotated[Positional[tuple[Path, ...]], Option("FILE...")]
    """Files."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Show a run."""

    run: Annotated[Positional[Path | None], optional("[RUN]", "the latest")] = None
    """A run."""
    number: Annotated[Positional[int], Option("[N]")] = 1
    """Which one."""
    name: str
    """Its name."""


def train(text, options=Training[Small]):
    return parse(options, "program", text.split())


# Reading


def test_nothing_given_leaves_every_default():
    assert train("") == Training(model=Small())
    assert train("", Training[Large]).model == Large()


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "--latent-dim 3": {"model": Small(latent_dim=3)},
        "--latent-dim=3": {"model": Small(latent_dim=3)},
        "--latent_dim 3": {"model": Small(latent_dim=3)},
        "--latent-dim 3 --latent-dim 4": {"model": Small(latent_dim=4)},
        "--channels 8 16": {"model": Small(channels=(8, 16))},
        "--images letters": {"images": Images(name="letters")},
        "--images.name letters": {"images": Images(name="letters")},
        "--images.labels 3 5 7 --rate 1": {"images": Images(labels=(3, 5, 7)), "rate": 1.0},
        "--images.labels -1": {"images": Images(labels=(-1,))},
        "--images.root a/b": {"images": Images(root=Path("a/b"))},
        "--images.root None": {},
        "--kind fancy": {"kind": "fancy"},
        "--rate -1e-3": {"rate": -1e-3},
        "--rate -.5": {"rate": -0.5},
        "--rate -inf": {"rate": -float("inf")},
        "--quick": {"quick": True},
        "--no-colour": {"colour": False},
        "--weights=": {"weights": Path()},
    }.items(),
)
def test_options(text, expected):
    assert train(text) == dataclasses.replace(Training(model=Small()), **expected)


def test_inherited_and_overridden_fields():
    assert train("--channels 1 2 --width 2", Training[Large]).model == Large(channels=(1, 2), width=2.0)


def test_positional_arguments():
    assert parse(Files, "program", ["a", "b c", "--", "--d"]) == Files(files=(Path("a"), Path("b c"), Path("--d")))
    assert parse(Run, "program", ["--name", "x"]) == Run(name="x")
    assert parse(Run, "program", ["a", "--name=x=y", "-2"]) == Run(run=Path("a"), number=-2, name="x=y")


def test_positional_arguments_that_may_be_missing():
    options = dataclasses.make_dataclass("Options", [("names", Positional[tuple[str, ...]], ("x",)), ("size", int, 1)])
    assert parse(options, "program", []) == options()
    assert parse(options, "program", ["a", "--size", "3", "b"]) == options(names=("a", "b"), size=3)


def test_a_nested_default_keeps_its_other_fields():
    @dataclasses.dataclass(frozen=True)
    class Reading:
        images: Images = Images(name="letters", labels=(1, 2))

    assert parse(Reading, "program", ["--images.root", "x"]).images == Images(
        name="letters", labels=(1, 2), root=Path("x")
    )


@pytest.mark.parametrize("kind", [dict[str, int], tuple[int, str], int | str, int | str | None, bool, Model])
def test_a_type_that_no_option_holds_is_a_mistake_of_the_program(kind):
    options = dataclasses.make_dataclass("Options", [("sizes", kind)])
    with pytest.raises(TypeError, match="sizes: expected a type that one option can hold, got "):
        parse(options, "program", [])


# Refusing


@pytest.mark.parametrize(
    ("text", "line"),
    {
        "--latent-dims 3": "unknown option '--latent-dims'; did you mean --latent-dim?",
        "--latnet-dim=3": "unknown option '--latnet-dim'; did you mean --latent-dim?",
        "--labels 3": "unknown option '--labels'; did you mean --images.labels?",
        "--zzz": "unknown option '--zzz'",
        "-z": "unknown option '-z'",
        "--start.name x": "unknown option '--start.name'",
        "--latent 3": "unknown option '--latent'; did you mean --latent-dim?",
        "--latent-dim two": "--latent-dim: expected an integer, got 'two'",
        "--latent-dim ²": "--latent-dim: expected an integer, got '²'",
        "--latent-dim 2.0": "--latent-dim: expected an integer, got '2.0'",
        "--latent-dim 1e300": "--latent-dim: expected an integer, got '1e300'",
        "--latent-dim 0": "latent_dim: expected at least 1, got 0",
        f"--latent-dim {'9' * 5000}": f"--latent-dim: expected an integer, got '{'9' * 57}...'",
        "--rate fast": "--rate: expected a number, got 'fast'",
        "--kind fanci": "--kind: expected one of plain, fancy, got 'fanci'; did you mean fancy?",
        "--kind": "--kind: expected one argument",
        "--channels 3": "--channels: expected 2 arguments",
        "--images.labels": "--images.labels: expected at least one argument",
        "stray": "unexpected argument 'stray'",
        "--rate 1 2": "unexpected argument '2'",
        "--images.root \udcff": "expected text in the terminal's encoding, got '\\udcff'",
        f"--images.root {'a' * 5000}": f"--images.root: expected a path, got '{'a' * 57}...': File name too long",
        "--images.root=a\0b": "--images.root: expected a path, got 'a\\x00b', which no file can be called",
        "--images.root ~no-such-user/x": "--images.root: expected a path, got '~no-such-user/x', "
        "whose home folder is not known",
    }.items(),
)
def test_bad_arguments(text, line):
    if "too long" in line and sys.platform == "win32":
        pytest.skip("the system's words")
    with pytest.raises(InputError) as caught:
        train(text)
    message = str(caught.value)
    assert message.removesuffix(" (see program --help)").replace("--images/", "") == line
    assert message != line
    assert message.isprintable()


def test_missing_arguments():
    with pytest.raises(InputError, match=r"required: FILE\.\.\. \(see program --help\)"):
        parse(Files, "program", [])
    with pytest.raises(InputError, match="required: --name "):
        parse(Run, "program", ["a"])


def test_suggestions():
    assert suggest("--warmup", ["--kl.warmup", "--optimizer.warmup", "--warm"]) == (
        "; did you mean --kl.warmup or --optimizer.warmup?"
    )
    assert suggest("climv", ["climb", "train"]) == "; did you mean climb?"
    assert suggest("x", ["climb", "train"]) == ""


def test_shown_text_is_short():
    assert shown("a\n") == "'a\\n'"
    assert len(shown("a" * 1000)) == 62


# Paths


def test_home_is_expanded_in_every_spelling(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/runs") == tmp_path / "runs"
    assert user_path("a/~") == Path("a/~")
    for text in ("--weights ~/w", "--weights=~/w", "--weights=~/none/w"):
        assert str(train(text).weights).startswith(str(tmp_path))
    assert parse(Files, "program", ["~", "~/b"]).files == (tmp_path, tmp_path / "b")
    assert parse(Run, "program", ["~/r", "--name=~"]) == Run(run=tmp_path / "r", name="~")


def test_a_missing_home_is_one_line(monkeypatch):
    def expanduser(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", expanduser)
    with pytest.raises(InputError, match="'~/x', whose home folder is not known"):
        user_path("~/x")


@posix
def test_a_folder_that_may_not_be_entered_is_a_path(tmp_path):
    (tmp_path / "locked").mkdir(mode=0)
    assert user_path(str(tmp_path / "locked" / "x")) == tmp_path / "locked" / "x"


@posix
def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InputError, match="working folder is gone"):
        train("")
    assert train("--help") is None
    monkeypatch.chdir(tmp_path)


# Help


def test_help_page(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert train("--kind fancy --help") is None
    page = capsys.readouterr().out
    assert page.startswith("usage: program [OPTIONS]\n\nTrain a model.\n")
    assert page.endswith("\nDetails of training, in a paragraph.\n\nexamples:\n  program --epochs 3\n")
    text = " ".join(page.split())
    for part in (
        "--latent-dim INT Latent variables. (default: 20)",
        "--channels INT INT Channels, 100% of them. (default: 32 64)",
        "images options: Which images to use.",
        "--images NAME, --images.name NAME" if sys.version_info < (3, 13) else "--images, --images.name NAME",
        "Name of a data set. (default: digits)",
        "--images.root PATH Where it lies. (default: None)",
        "--images.labels CLASS [CLASS ...] Classes. (default: all)",
        "--kind {plain,fancy} Which kind. (default: plain)",
        "--quick Less of everything. --no-colour",
        "--weights FILE Start. (default: drawn)",
    ):
        assert part in text
    assert "start" not in page


def test_help_of_positional_arguments(capsys):
    parse(Files, "program", ["-h"])
    assert "usage: program [OPTIONS] FILE...\n" in capsys.readouterr().out
    parse(Run, "100% program", ["-h"])
    page = " ".join(capsys.readouterr().out.split())
    assert "usage: 100% program [OPTIONS] [RUN] [N] " in page
    assert "[RUN] A run. (default: the latest)" in page
    assert "--name TEXT Its name. (required)" in page


def test_help_without_source():
    namespace = {"dataclasses": dataclasses}
    exec("@dataclasses.dataclass\nclass Bare:\n    size: int = 3", namespace)
    assert parse(namespace["Bare"], "program", ["--size", "4"]).size == 4


def test_own_page(capsys):
    train_page = read_page(Training)
    assert train_page == Page(
        "Train a model.", "Details of training, in a paragraph.", "examples:\n  program --epochs 3"
    )
    parse(Small, "program", ["--help"], Page("About.", "More.", "The end."))
    page = capsys.readouterr().out
    assert "About." in page
    assert page.endswith("More.\n\nThe end.\n")


@pytest.mark.parametrize("columns", ["1", "2", "3", "4", "5", "17", "40"])
def test_narrow_terminals_get_forty_columns(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width() == 40
    assert wrap("word " * 20)[0] == " ".join(["word"] * 8)
    assert wrap("x" * 100) == ["x" * 40, "x" * 40, "x" * 20]
    train("--help")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


@pytest.mark.parametrize("columns", ["0", "-3", "", "²", "nonsense", "9" * 5000])
def test_nonsense_columns_count_as_unset(columns, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    usual = terminal_width()
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width() == usual
    make_console()


def test_wide_terminals_get_a_hundred_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    assert terminal_width() == 100


# The console


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", ["1", "5", "39", "40", "64", "0", "²"])
def test_console_of_a_terminal(columns, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    console = make_console()
    assert console.width == {"64": 64, "0": 80, "²": 80}.get(columns, 40)
    with step_display(console, "measuring") as now:
        now("[bold]a path[/] [/x]")
    assert "measuring: [bold]a path[/] [/x]" in terminal.getvalue()


def test_console_of_a_file_has_a_hundred_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert make_console().width == 100


@pytest.mark.parametrize("width", [1, 17, 40, 47, 56, 57, 100])
def test_no_number_of_a_table_is_cut_at_any_width(width, capsys):
    table = Table(title="Losses")
    for head in ("rung", "reconstruction", "KL", "images/s"):
        table.add_column(head)
    for row in [("pytorch_lowlevel", "104.21", "25.31", "12,345"), ("[bold]paper[/]", Text("78.90"), "", "33,333")]:
        table.add_row(*row)
    console = make_console()
    console.width = max(width, 40)
    print_table(console, table)
    words = capsys.readouterr().out.replace(":", " ").split()
    for part in ("Losses", "pytorch_lowlevel", "104.21", "25.31", "12,345", "paper", "78.90", "33,333"):
        assert part in words
    assert "reconstruction" in words


def test_lines_are_said_as_they_are(capsys):
    say(make_console(), f"[red]runs[/] [/x] {'long ' * 40}")
    assert capsys.readouterr().out == f"[red]runs[/] [/x] {'long ' * 40}\n"


# Errors and exit codes


def program(error=None, code=0):
    def command():
        if error is not None:
            raise error
        return code

    return command


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        (program(), 0, ""),
        (program(code=1), 1, ""),
        (program(InputError("size: expected 1,\ngot 2")), 2, "p: size: expected 1, got 2\n"),
        (program(InputError("a\x1b[2J\udcff")), 2, "p: a?[2J?\n"),
        (program(Diverged("step 3")), 1, "p: step 3\n"),
        (program(KeyboardInterrupt()), 130, "p: stopped before anything was written\n"),
        (program(KeyboardInterrupt("kept: runs/x")), 130, "p: kept: runs/x\n"),
        (program(OSError(28, "No space left on device")), 2, "p: No space left on device\n"),
        (program(PermissionError(13, "Permission denied", "[a]")), 2, "p: '[a]': Permission denied\n"),
        (program(BrokenPipeError(32, "Broken pipe")), 141, ""),
    ],
)
def test_exit_codes(command, code, line, capsys):
    assert run("p", command) == code
    assert capsys.readouterr().err == line


def test_mistakes_of_the_program_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run("p", lambda: 1 // 0)


# Signals


@pytest.fixture(autouse=True)
def _handlers_are_given_back():
    # A shell script's background jobs ignore Ctrl-C, and tests may run in one.
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in STOPS]
    yield
    after = [signal.getsignal(number) for number in STOPS]
    signal.signal(signal.SIGINT, found)
    assert after == before


@posix
@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_a_command(number, capsys):
    assert run("p", lambda: signal.raise_signal(number)) == 130
    assert capsys.readouterr().err == "p: stopped before anything was written\n"


@posix
def test_the_exit_code_stays_where_a_signal_cuts_a_text_that_exec_runs(tmp_path):
    (tmp_path / "stopped.py").write_text(
        "import signal, sys\n"
        "from foundation.process import stop_on_signals\n"
        "with stop_on_signals():\n"
        "    try: exec('signal.raise_signal(signal.SIGINT)')\n"
        "    except KeyboardInterrupt: pass\n"
        "sys.exit(130)\n"
    )
    command = [sys.executable, "-m", "stopped"]  # a module's end alone is affected
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


@posix
def test_what_a_stop_leaves_half_made_says_nothing(capfd):
    class HalfMade:
        def __init__(self):
            signal.raise_signal(signal.SIGINT)
            self.name = "whole"

        def __del__(self):
            print(self.name)

    assert run("p", HalfMade) == 130
    assert capfd.readouterr().err == "p: stopped before anything was written\n"


@posix
def test_a_signal_in_the_end_of_an_object_is_not_lost(capfd):
    class Ending:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def command():
        Ending()
        for _ in range(6000):
            time.sleep(0.01)
        return 0

    assert run("p", command) == 130
    assert capfd.readouterr().err == "p: stopped before anything was written\n"


@posix
def test_a_second_signal_does_not_cut_what_the_first_one_started(capsys):
    kept = []

    def command():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            try:
                signal.raise_signal(signal.SIGTERM)
                {}["missing"]
            except KeyError:
                signal.raise_signal(signal.SIGINT)
                kept.append("weights")
            raise KeyboardInterrupt("kept: weights") from None
        finally:
            signal.raise_signal(signal.SIGINT)
            kept.append("metrics")

    assert run("p", command) == 130
    assert kept == ["weights", "metrics"]
    assert capsys.readouterr().err == "p: kept: weights\n"


@posix
def test_a_signal_after_a_handled_one_stops_again():
    with stop_on_signals():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


@posix
@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM] * 3, [signal.SIGINT, signal.SIGTERM]])
def test_held_signals_are_delivered_once_after_the_block(numbers):
    done = []

    def save():
        with hold_signals():
            for number in numbers:
                signal.raise_signal(number)
            done.append("saved")
        done.append("went on")

    with stop_on_signals():
        with pytest.raises(KeyboardInterrupt):
            save()
        assert done == ["saved"]
        with hold_signals():
            done.append("nothing is left to deliver")


@posix
def test_nested_holds_deliver_after_the_outermost():
    done = []

    def save():
        with hold_signals():
            with hold_signals():
                signal.raise_signal(signal.SIGINT)
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        save()
    assert done == ["inner", "outer"]


@posix
def test_an_error_in_a_hold_is_not_hidden_by_a_signal():
    def save():
        with hold_signals():
            signal.raise_signal(signal.SIGINT)
            raise InputError("disk full")

    with stop_on_signals():
        with pytest.raises(InputError, match="disk full"):
            save()
        with hold_signals():
            pass


@posix
def test_a_hold_while_stopping_keeps_the_first_stop(capsys):
    def command():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            with hold_signals():
                signal.raise_signal(signal.SIGINT)
            raise KeyboardInterrupt("kept") from None

    assert run("p", command) == 130
    assert capsys.readouterr().err == "p: kept\n"


def test_other_threads_run_as_they_are():
    results = []

    def work():
        with hold_signals():
            results.append(run("p", lambda: 3))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [3]


@posix
def test_ignored_signals_stay_ignored(monkeypatch):
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signals(), hold_signals():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)


SAVING = """
import signal, sys, time
from foundation.command_line import run
from foundation.process import hold_signals

def command():
    try:
        while True:
            with hold_signals():
                print("step", flush=True)
                time.sleep(0.001)
    except KeyboardInterrupt:
        for _ in range(100):
            print("saving", flush=True)
        raise KeyboardInterrupt("kept: everything") from None

code = run("p", command, ends_process=True)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.raise_signal(number)
sys.exit(code)
"""


@posix
@pytest.mark.parametrize("count", [1, 2, 5])
def test_many_signals_from_outside_end_in_one_line(count):
    process = start_python(SAVING)
    try:
        assert process.stdout.readline() == "step\n"
        for i in range(count):
            process.send_signal(STOPS[i % 2])
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, error) == (130, "p: kept: everything\n")
    assert out.count("saving\n") == 100


def start_python(code):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Standard streams

PRINTING = "import sys; from foundation.command_line import run; sys.exit(run('p', lambda: print({text}) or 0))"


def shell(text, redirection):
    """Print `text` with streams as a shell's redirection leaves them; the result of the process."""
    code = PRINTING.format(text=text)
    command = f'"{sys.executable}" -c "{code}" {redirection}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, stdin=subprocess.DEVNULL)


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("text", ["'x'", "'x' * 10**6"])
def test_a_reader_that_is_gone_is_no_error(text, unbuffered, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", PRINTING.format(text=text)], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("text", ["'x'", "'x' * 10**6"])
def test_a_full_device_is_one_line(text, unbuffered, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = shell(text, "> /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("p: ")
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.count("\n") == 1
    assert shell(text, "> /dev/full 2> /dev/full").returncode == 2


@posix
@pytest.mark.parametrize("redirection", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_silent(redirection):
    done = shell("sys.stdin.read() and 'x'", redirection)
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_a_closed_stream_leaves_its_number_to_no_file(tmp_path):
    path = tmp_path / "file"
    code = (
        "import os, sys; from foundation.command_line import run; "
        f"run('p', lambda: (open({str(path)!r}, 'w').fileno() < 3) + 0) and sys.exit(9)"
    )
    done = subprocess.run(["bash", "-c", f'"{sys.executable}" -c "{code}" <&- >&- 2>&-'])
    assert done.returncode == 0


@posix
def test_characters_beyond_the_encoding():
    code = PRINTING.format(text="'\\u00d7'")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout) == (0, "?\n")


@posix
def test_rich_passes_on_that_the_reader_is_gone():
    reading, writing = os.pipe()
    os.close(reading)
    code = (
        "import sys; from foundation.command_line import run; from foundation.console import make_console, say;"
        "sys.exit(run('p', lambda: say(make_console(), 'x' * 10**6) or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
