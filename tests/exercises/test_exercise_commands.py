"""The commands about exercises as a learner and a teacher use them: nothing is lost, and bad input is one line."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from filelock import FileLock

from exercises import options
from exercises.commands import COMMANDS, run_command
from exercises.kit import answers as answers_module
from exercises.kit import catalogue as catalogue_module
from exercises.kit.answers import PROGRESS_FILE, Answers, Progress, default_folder, reset, start
from exercises.kit.catalogue import COURSE, catalogue, content_hash, find
from exercises.kit.check import check_answer, wait_for
from exercises.kit.limits import PRINTED_BYTES, TIME_IS_UP, Limits
from exercises.kit.verdict import Verdict
from exercises.kit.watch import Watch, check_until_stopped
from foundation.arguments import read_arguments
from foundation.console import make_console
from foundation.errors import InputError
from tests.support.kl_answers import RIGHT_KL as RIGHT
from tests.support.kl_answers import WRONG_KL as WRONG
from tests.support.privileges import permissions_hold
from tests.support.processes import is_running, wait_until

CHECKOUT = Path(__file__).parents[2]
KL = find("04_kl")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory with a started answers folder, so that nothing touches the checkout's."""
    monkeypatch.chdir(tmp_path)
    start(tmp_path / "my_answers")
    return tmp_path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two exercises that a test may change; they can be started, but not checked."""
    folder = tmp_path / "course"
    for name in ("01_first", "02_second"):
        (folder / name).mkdir(parents=True)
        (folder / name / "exercise.py").touch()
        (folder / name / "stub.py").write_text(f"# {name}\n", encoding="utf-8")
        (folder / f"{name}.md").write_text(f"# {name[:2]} · The {name[3:]}\n", encoding="utf-8")
    monkeypatch.setattr(catalogue_module, "COURSE", folder)
    return folder


def write(text, name="04_kl.py"):
    """An answer's new content."""
    (Path("my_answers") / name).write_text(textwrap.dedent(text), encoding="utf-8")


def check(**choices):
    return run_command(options.Check(**choices))


# The options


@pytest.mark.parametrize("name", options.COMMANDS)
def test_examples_of_the_help_parse_and_have_a_command(name):
    choices = options.COMMANDS[name]
    assert choices in COMMANDS
    examples = [line.split() for line in choices.__doc__.partition("Examples:\n")[2].splitlines() if line.strip()]
    assert examples
    for program, command, *arguments in examples:
        assert (program, command) == ("vae-ladder", name)
        assert isinstance(read_arguments(choices, program, arguments), choices)


def test_options_import_nothing_heavy():
    code = "import sys; import exercises.options; sys.exit(bool({'numpy', 'torch', 'rich.table'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT).returncode == 0


# start


def test_start_copies_every_stub_as_it_is(here, capsys):
    assert run_command(options.Start()) == 0
    for entry in catalogue():
        assert (here / "my_answers" / f"{entry.name}.py").read_bytes() == entry.stub.read_bytes()
    assert f"{len(catalogue())} answers already there, kept" in capsys.readouterr().out


def test_start_never_overwrites(here, capsys):
    write("mine = 1\n")
    Path("my_answers/05_bernoulli.py").unlink(missing_ok=True)
    Path("my_answers/05_bernoulli.py").symlink_to(here / "nowhere")
    assert run_command(options.Start()) == 0
    assert Path("my_answers/04_kl.py").read_text(encoding="utf-8") == "mine = 1\n"
    assert not (here / "nowhere").exists()


def test_start_elsewhere_and_check_there(here, capsys):
    assert run_command(options.Start(to=Path("a/b"))) == 0
    out = capsys.readouterr().out
    assert "check 01 --answers a/b, or vae-ladder watch --answers a/b" in out
    Path("a/b/04_kl.py").write_text(RIGHT, encoding="utf-8")
    assert check(exercise="4", answers=Path("a/b")) == 0
    assert "solution 04 --answers a/b" in capsys.readouterr().out


def test_stub_appears_whole_or_not_at_all(here, monkeypatch):
    Path("my_answers/04_kl.py").unlink()

    def full_disk(path, content):
        with open(path, "wb") as file:
            file.write(content[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(InputError, match=r"cannot write .*04_kl.py: No space left"):
            run_command(options.Start())
    assert not Path("my_answers/04_kl.py").exists()
    assert not list(Path("my_answers").glob("*.tmp"))
    run_command(options.Start())
    assert Path("my_answers/04_kl.py").read_bytes() == KL.stub.read_bytes()


def test_start_where_nothing_can_be_written(here):
    Path("file").touch()
    with pytest.raises(InputError, match="cannot write file"):
        run_command(options.Start(to=Path("file")))


def test_answers_lie_here_or_in_a_folder_above(tmp_path, monkeypatch):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert default_folder() == inner / "my_answers"
    (tmp_path / "my_answers").mkdir()
    assert default_folder() == tmp_path / "my_answers"
    (inner / "my_answers").mkdir()
    assert default_folder() == inner / "my_answers"
    monkeypatch.chdir(inner / "my_answers")
    assert default_folder() == inner / "my_answers"


def test_without_a_folder_the_message_says_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"my_answers here or in a folder above, found none; vae-ladder start makes"):
        check(exercise="04")


def test_start_refuses_the_course_itself(here, monkeypatch):
    for folder in (COURSE, COURSE / "my_answers", COURSE / "kit" / ".." / "x"):
        with pytest.raises(InputError, match="outside of the course"):
            run_command(options.Start(to=folder))
    monkeypatch.chdir(COURSE / "kit")
    if default_folder().is_relative_to(COURSE):  # unless the checkout has answers of its own
        with pytest.raises(InputError, match="outside of the course"):
            run_command(options.Start())


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a working directory cannot be removed")
def test_working_directory_that_is_gone_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for choices in (options.Start(), options.Check(), options.ShowProgress(), options.Hint(exercise="04")):
        with pytest.raises(InputError, match="working directory"):
            run_command(choices)
    monkeypatch.chdir(tmp_path)


def test_changed_stub_leaves_the_answer_and_says_so(course, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, first = start(tmp_path / "my_answers")
    assert [entry.name for entry in first.copied] == ["01_first", "02_second"]
    write("mine = 1\n", "01_first.py")
    (course / "01_first" / "stub.py").write_text("# rewritten\n", encoding="utf-8")
    _, again = start(tmp_path / "my_answers")
    (note,) = again.notes
    assert "01_first has a new stub since you began" in note
    assert "vae-ladder reset 01" in note
    assert Path("my_answers/01_first.py").read_text(encoding="utf-8") == "mine = 1\n"
    run_command(options.ShowProgress())
    assert "01_first has a new stub" in capsys.readouterr().out
    run_command(options.Reset(exercise="01"))
    assert start(tmp_path / "my_answers")[1].notes == []


def test_renamed_exercise_leaves_the_answer_and_says_so(course, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start(tmp_path / "my_answers")
    write("mine = 1\n", "01_first.py")
    write("mine = 2\n", "07_gone.py")
    for path in (course / "01_first", course / "01_first.md"):
        path.rename(course / path.name.replace("01_first", "03_renamed"))
    _, again = start(tmp_path / "my_answers")
    assert [entry.name for entry in again.copied] == ["03_renamed"]
    assert again.notes == [
        "01_first.py stays as it is, but the exercise is 03_renamed now: copy your answer to 03_renamed.py",
        "07_gone.py stays as it is, but the course has no such exercise any more",
    ]
    assert Path("my_answers/01_first.py").read_text(encoding="utf-8") == "mine = 1\n"


# reset


def test_reset_keeps_every_old_answer(here, capsys):
    answers = Answers(here / "my_answers")
    kept = []
    for text in ("one", "two", "three"):  # within one second
        write(text)
        kept.append(reset(answers, KL))
    assert [path.read_text(encoding="utf-8") for path in kept] == ["one", "two", "three"]
    assert answers.path(KL).read_bytes() == KL.stub.read_bytes()
    answers.path(KL).unlink()
    assert run_command(options.Reset(exercise="kl")) == 0
    assert answers.path(KL).read_bytes() == KL.stub.read_bytes()
    assert len(list((here / "my_answers").glob("04_kl.*.py"))) == 3


# check


def test_check_names_the_mistake(here, capsys):
    write(WRONG)
    assert check(exercise="04") == 1
    out = capsys.readouterr().out
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    assert lines[0] == "WRONG  04_kl, probe 4 of 8: every variance 4"
    assert lines[1].split() == ["called", "kl(mu=zeros((5,", "3)),", "logvar=full((5,", "3),", "1.386))"]
    assert lines[2].split() == ["got", "18.34"]
    assert lines[3].split() == ["expected", "2.421"]
    assert lines[4] == "mistake   read logvar as log σ"
    assert lines[5].startswith("18.34 instead of 2.421")
    assert lines[-2] == "where     my_answers/04_kl.py:9"
    assert lines[-1] == "vae-ladder hint 04"


def test_check_passes_and_remembers_by_content(here, capsys):
    write(RIGHT)
    assert check(exercise="kl") == 0
    assert capsys.readouterr().out.startswith("PASS  04_kl")
    answers = Answers(here / "my_answers")
    assert answers.progress().state(KL) == "PASS"
    write(RIGHT + "\n# changed\n")
    assert answers.progress().state(KL) == "changed since PASS"
    write(RIGHT)
    assert answers.progress().state(KL) == "PASS"
    progress = answers.progress()
    progress.record(KL.name).exercise = "of another time"
    assert progress.state(KL) == "exercise changed since PASS"


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_pass_is_remembered_where_nothing_reads_the_output(here):
    write(RIGHT)
    reading, writing = os.pipe()
    os.close(reading)
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from ladder.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "check", "04"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
    assert Answers(here / "my_answers").progress().state(KL) == "PASS"


def test_untouched_stub_is_not_written_yet(here, capsys):
    assert check(exercise="04") == 1
    out = capsys.readouterr().out
    assert out.startswith("NOT WRITTEN YET  04_kl")
    assert "04_kl.md" in out


def test_check_without_a_name_takes_the_next_unsolved(here, capsys):
    progress = Progress.load(here / "my_answers")
    entries = catalogue()
    assert progress.next(entries) == entries[0]
    for entry in entries:
        (here / "my_answers" / f"{entry.name}.py").write_text("x = 1\n", encoding="utf-8")
        progress.remember(entry, content_hash(here / "my_answers" / f"{entry.name}.py"), "PASS")
    assert progress.next(entries) is None
    assert check() == 0
    assert f"The course is complete: {len(entries)} exercises have passed." in capsys.readouterr().out
    write(WRONG)
    assert check() == 1
    assert capsys.readouterr().out.startswith("WRONG  04_kl")


def test_what_cannot_be_measured_comes_last(course, tmp_path):
    answers, _ = start(tmp_path / "my_answers")
    progress, (first, second) = answers.progress(), catalogue()
    answers.path(first).write_text("x = 1\n", encoding="utf-8")
    progress.remember(first, answers.content(first), "NOT MEASURED")
    assert progress.next([first, second]) == second
    assert progress.next([first]) == first


def test_check_all(here, capsys):
    for path in Path("my_answers").glob("*.py"):
        path.unlink()
    write(WRONG)
    assert check(all=True) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "WRONG            04_kl  read logvar as log σ" in lines
    assert sum(line.startswith("MISSING") for line in lines) == len(catalogue()) - 1
    assert lines[-1].endswith(f"0 of {len(catalogue())} passed")


def test_prints_come_after_the_verdict_and_one_probe_prints_at_once(here, capfd):
    write("def kl(mu, logvar):\n    print('mean', mu.mean())\n    return 0.0\n")
    assert check(exercise="04") == 1
    out = capfd.readouterr().out
    assert out.index("WRONG") < out.index("what your code printed:") < out.index("mean 2.0")
    assert check(exercise="04", probe=3) == 1
    out = capfd.readouterr().out
    assert out.startswith("mean -2.0\nWRONG  04_kl, probe 3 of 8")
    assert check(exercise="04", probe=1) == 0
    assert "expected  0" in capfd.readouterr().out
    assert Answers(here / "my_answers").progress().state(KL) == "WRONG"  # one probe is no check


def test_traceback_only_on_request(here, capsys):
    write("def kl(mu, logvar):\n    return mu @ mu\n")
    assert check(exercise="04") == 1
    assert "Traceback" not in capsys.readouterr().out
    assert check(exercise="04", traceback=True) == 1
    out = capsys.readouterr().out
    assert "Traceback" in out
    assert "return mu @ mu" in out


def test_check_from_another_directory_without_network_or_torch(here, monkeypatch):
    write(RIGHT)
    monkeypatch.chdir("/")
    code = (
        "import sys; sys.modules['torch'] = None; sys.path.insert(0, {!r}); from exercises.commands import run_command"
    )
    code += "; from exercises.options import Check; from pathlib import Path"
    code += "; sys.exit(run_command(Check(exercise='04', answers=Path({!r}))))"
    command = [sys.executable, "-c", code.format(str(CHECKOUT), str(here / "my_answers"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"exercise": "99"}, "expected one of"),
        ({"exercise": "04", "probe": 0}, "from 1 to 8"),
        ({"exercise": "04", "probe": 9}, "from 1 to 8"),
        ({"exercise": "04", "all": True}, "--all"),
        ({"exercise": "04", "time_limit": 0.0}, "time limit"),
        ({"exercise": "04", "time_limit": float("nan")}, "time limit"),
        ({"exercise": "04", "time_limit": 1e300}, "time limit"),
        ({"exercise": "²"}, "expected one of"),
        ({"exercise": "04", "answers": Path("nowhere")}, "vae-ladder start --to nowhere"),
    ],
)
def test_check_refuses(here, choices, said):
    with pytest.raises(InputError, match=said):
        check(**choices)


def test_missing_answer_and_spoilt_progress_are_one_line(here):
    Path("my_answers/04_kl.py").unlink()
    with pytest.raises(InputError, match=r"my_answers/04_kl.py: expected an answer"):
        check(exercise="04")
    for content in ("{", "[1]", '{"04_kl": 3}'):
        Path("my_answers", PROGRESS_FILE).write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="delete the file"):
            run_command(options.ShowProgress())


def test_progress_of_a_later_version_is_read(here):
    Path("my_answers", PROGRESS_FILE).write_text('{"04_kl": {"hints": 2, "stars": 5}}', encoding="utf-8")
    assert Progress.load(here / "my_answers").record("04_kl").hints == 2


# Answers that misbehave


@pytest.mark.parametrize(
    ("text", "got", "line"),
    [
        ("def kl(mu, logvar):\n    while True: pass\n", "nothing in 1 s", "2"),
        ("while True: pass\n", "nothing in 1 s", "1"),
        ("import os\nos._exit(0)\n", "the end of Python, with exit code 0", ""),
        ("import sys\ndef kl(mu, logvar):\n    sys.exit(3)\n", "SystemExit: 3", "3"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0", "2"),
        ("import ctypes\ndef kl(mu, logvar):\n    ctypes.string_at(0)\n", "a crash (SIGSEGV)", ""),
        ("def kl(mu logvar):\n", "SyntaxError: invalid syntax", "1"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError", "1"),
        ("kl = 3\n", "int, not a function", ""),
        ("def kl(mu, logvar):\n    return float(input())\n", "EOFError", "2"),
        ("def kl(mu, logvar):\n    return kl(mu, logvar)\n", "RecursionError", "2"),
    ],
)
def test_misbehaving_answer_gets_a_verdict(here, text, got, line):
    write(text)
    verdict = check_answer(KL, Path("my_answers/04_kl.py"), Limits(seconds=1))
    assert verdict.outcome == "WRONG"
    assert got in verdict.got
    assert not line or verdict.where.endswith(f"04_kl.py:{line}")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone keeps to the limit")
def test_memory_is_limited(here):
    write("import numpy as np\ndef kl(mu, logvar):\n    return np.zeros(10**9).sum()\n")
    verdict = check_answer(KL, Path("my_answers/04_kl.py"), Limits(megabytes=512))
    assert "MemoryError" in verdict.got


def test_an_answer_that_breaks_the_check_is_not_measured(here, capsys):
    write("import numpy\nclass Odd:\n    def __call__(self, value): return 1 / 0\nnumpy.shape = Odd()\n" + RIGHT)
    assert check(exercise="04", traceback=True) == 1
    out = capsys.readouterr().out
    assert out.startswith("NOT MEASURED  04_kl")
    assert "the check itself failed" in out
    assert "ZeroDivisionError" in out


def test_a_change_of_numpy_by_an_answer_does_not_reach_what_is_expected(here):
    write("import numpy as np\nnp.exp = lambda x: 1 + 0 * x\n" + RIGHT)
    verdict = check_answer(KL, Path("my_answers/04_kl.py"))
    assert (verdict.outcome, verdict.probe) == ("WRONG", 4)
    assert verdict.expected == "2.421"


def test_an_exception_without_a_text_gets_a_verdict(here):
    write("class Mute(Exception):\n    def __str__(self): raise RuntimeError\ndef kl(mu, logvar):\n    raise Mute\n")
    verdict = check_answer(KL, Path("my_answers/04_kl.py"))
    assert (verdict.outcome, verdict.where[-10:]) == ("WRONG", "04_kl.py:4")
    assert verdict.got == "Mute: an exception whose text cannot be shown (RuntimeError)"


def test_a_flood_of_prints_is_cut(here, capsys):
    write("def kl(mu, logvar):\n    print('x' * 10**7)\n    return 0.0\n")
    verdict = check_answer(KL, Path("my_answers/04_kl.py"))
    assert verdict.outcome == "WRONG"
    assert PRINTED_BYTES <= len(verdict.prints) < PRINTED_BYTES + 100
    assert check(exercise="04") == 1
    assert len(capsys.readouterr().out) < 2000


def test_processes_that_an_answer_starts_end_with_it(here):
    write(
        """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid)
        """
    )
    verdict = check_answer(KL, Path("my_answers/04_kl.py"))
    assert verdict.outcome == "NOT WRITTEN YET"
    pid = int(verdict.prints.split()[0])
    state = Path(f"/proc/{pid}/stat")
    if state.parents[1].is_dir():
        assert not state.exists() or state.read_text().split()[2] in "ZX"  # an orphaned zombie, at most


def test_helpers_beside_an_answer_can_be_imported_but_hide_nothing(here):
    write("raise RuntimeError('the wrong numpy')\n", "numpy.py")
    write("from math import exp as my_exp\n", "helper.py")
    write("import helper\n" + RIGHT)
    assert check_answer(KL, Path("my_answers/04_kl.py")).outcome == "PASS"


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize(
    ("how", "loop"),
    [
        (signal.SIGKILL, "while True: pass"),
        (signal.SIGHUP, "while True: pass"),
        (signal.SIGKILL, "import re; re.match('(a*)*b', 'a' * 60)"),  # Python itself runs nothing else meanwhile
    ],
)
def test_a_check_ends_with_the_process_that_asked_for_it(here, how, loop):
    write(f"import os\nopen({str(here / 'pid')!r}, 'w').write(str(os.getpid()))\n{loop}\n")
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from exercises.commands import run_command"
    code += "; from exercises.options import Check; run_command(Check(exercise='04', time_limit=60.0))"
    asking = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: (here / "pid").exists() and (here / "pid").read_text())
        checking = int((here / "pid").read_text())
    finally:
        asking.send_signal(how)
        asking.wait()
    wait_until(lambda: not is_running(checking))


def test_an_endless_loop_ends_itself_at_its_limit(here):
    """The process that checks needs no other one to end it."""
    write(
        """
        def spin():
            while True: pass

        def kl(mu, logvar):
            while True:
                try:
                    spin()
                except BaseException:
                    pass
        """
    )
    files = {name: here / name for name in ("verdict", "stack", "clock")}
    task = {"exercise": "04_kl", "answer": str(here / "my_answers" / "04_kl.py"), "probe": None}
    task |= {"time_limit": 1, "memory_limit": 2048} | {name: str(path) for name, path in files.items()}
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from exercises.kit.check import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, json.dumps(task)], stdin=subprocess.PIPE)
    assert process.wait(60) == TIME_IS_UP
    process.stdin.close()
    assert '04_kl.py", line ' in files["stack"].read_text()
    assert not files["verdict"].exists()


LOOP = "    while True: pass\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a signal at the time limit")
@pytest.mark.parametrize(
    ("change", "mistake", "note"),
    [
        ({"kl": LOOP}, "", "probes pass"),
        ({"kl_per_image": LOOP, "kl_per_latent": LOOP}, "", "probes pass; kl_per_latent: nothing in 1 s"),
        (
            {"kl_per_image": LOOP, "kl": "    return _entries(mu, logvar).mean()\n"},
            "kl",
            "kl_per_image: nothing in 1 s",
        ),
    ],
)
def test_an_endless_loop_hides_no_other_function(here, change, mistake, note):
    head, *functions = RIGHT.split("def ")
    bodies = {text.partition("(")[0]: text for text in functions}
    for name, body in change.items():
        bodies[name] = f"{name}(mu, logvar):\n{body}\n\n"
    write("def ".join([head, *bodies.values()]))
    verdict = check_answer(KL, Path("my_answers/04_kl.py"), Limits(seconds=1))
    assert verdict.outcome == "WRONG"
    assert note in verdict.note
    if mistake:
        assert verdict.mistake
    else:
        assert verdict.got == "nothing in 1 s"
        assert verdict.called.startswith(next(iter(change)))
        assert ": " not in verdict.note.partition("; ")[0]
        assert verdict.where.rpartition(":")[2].isdigit()


# hint, solution, progress


def test_passes_of_checks_at_once_are_all_kept(here):
    """Each process reads, changes and writes the progress; none may write over another's pass."""
    code = (
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from pathlib import Path\n"
        "from exercises.kit.answers import Answers; from exercises.kit.catalogue import find\n"
        "answers, entry = Answers(Path('my_answers')), find(sys.argv[1])\n"
        "progress = answers.progress()\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(20): progress.remember(entry, answers.content(entry), 'PASS'); progress.next_hint(entry)\n"
    )
    entries = catalogue()[:8]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, entry.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for entry in entries
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.close()
    for process in processes:
        assert process.wait(60) == 0
        process.stdout.close()
    records = Progress.load(here / "my_answers").records
    assert [(records[entry.name].solved, records[entry.name].hints) for entry in entries] == [(True, 3)] * 8


def test_progress_that_another_process_holds_is_one_line(here, monkeypatch):
    monkeypatch.setattr(answers_module, "LOCK_SECONDS", 0.05)
    with (
        FileLock(here / "my_answers" / answers_module.LOCK_FILE),
        pytest.raises(InputError, match="held by another process"),
    ):
        run_command(options.Hint(exercise="04"))


def test_hints_come_one_by_one(here, capsys):
    hints = KL.load().hints
    for number, text in enumerate((*hints, hints.line), 1):
        assert run_command(options.Hint(exercise="04")) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"hint {min(number, 3)} of 3  04_kl")
        assert "".join(text.split()) in "".join(out.split())
        assert ("the next one" in out) == (number < 3)
    run_command(options.ShowProgress())
    assert "3 hints" in capsys.readouterr().out


def test_solution_only_after_a_pass_or_on_giving_up(here, capsys):
    with pytest.raises(InputError, match="--give-up"):
        run_command(options.Solution(exercise="04"))
    assert run_command(options.Solution(exercise="04", give_up=True)) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "vae_numpy.py:" in line)
    source, number = line.rsplit(":", 1)
    assert Path(source).read_text(encoding="utf-8").splitlines()[int(number) - 1].startswith("def kl_divergence")
    run_command(options.ShowProgress())
    assert "solution seen" in capsys.readouterr().out
    write(RIGHT)
    reset(Answers(here / "my_answers"), KL)
    write(RIGHT)
    check(exercise="04")
    assert run_command(options.Solution(exercise="04")) == 0


def test_progress_lists_every_exercise_with_its_state(here, capsys):
    write(RIGHT)
    check(exercise="04")
    Path("my_answers", f"{catalogue()[0].name}.py").write_text("x = 1\n", encoding="utf-8")
    capsys.readouterr()
    assert run_command(options.ShowProgress()) == 0
    out = capsys.readouterr().out
    for entry in catalogue():
        assert entry.name in out
        assert entry.title in out
    assert next(line for line in out.splitlines() if "04_kl" in line).split()[1] == "PASS"
    assert out.rstrip().endswith(f"1 of {len(catalogue())} passed")


# watch


class Script:
    """Stands in for the keyboard: each item is a key, or something to do before the next look."""

    def __init__(self, *items):
        self.items = list(items)

    def __call__(self, seconds):
        item = self.items.pop(0) if self.items else "q"
        if callable(item):
            item()
            return ""
        return item


def watch(here, *items):
    """Run a watch session from a script; the exercises that were checked, in order."""
    checked = []

    def fake_check(entry, path, stop):
        checked.append(entry.name)
        text = path.read_text(encoding="utf-8")
        found = "PASS" if text == RIGHT else "NOT WRITTEN YET" if "NotImplementedError" in text else "WRONG"
        return Verdict(entry.name, found)

    Watch(make_console(), Answers(here / "my_answers"), Script(*items), KL, fake_check).run()
    return checked


def test_watch_checks_on_change_only(here, capsys):
    assert watch(here, "", "", "", lambda: write("x = 1\n"), "", "", lambda: write(RIGHT), "", "") == ["04_kl"] * 3
    assert "Press n for the next exercise" in capsys.readouterr().out


def test_watch_stays_on_success_until_next(here, capsys):
    write(RIGHT)
    checked = watch(here, "", "", "", "n", "", "")
    later = [entry.name for entry in catalogue() if entry.name > "04_kl"] or [catalogue()[0].name]
    assert checked[0] == "04_kl"
    if len(catalogue()) > 1:
        assert checked[1] == later[0]


def test_watch_keys(here, capsys):
    assert watch(here, "h", "H", "l", "x", "q", "h") == ["04_kl"]
    out = capsys.readouterr().out
    assert "hint 1 of 3" in out
    assert "hint 2 of 3" in out
    assert "hint 3 of 3" not in out
    assert out.count("passed") == 2  # the bar above the verdict, and the list
    assert "h hint · n next · l list · q quit" in out


def test_watch_survives_a_file_that_is_away_for_a_moment(here, capsys):
    path = Path("my_answers/04_kl.py")
    assert watch(here, "", path.unlink, "", lambda: write(RIGHT), "") == ["04_kl"] * 2
    assert "is not there" in capsys.readouterr().out


def test_watch_survives_an_editor_that_saves_by_rename(here, capsys):
    def save():
        Path("my_answers/.04_kl.py.swp").write_text(RIGHT, encoding="utf-8")
        os.replace("my_answers/.04_kl.py.swp", "my_answers/04_kl.py")

    assert watch(here, "", save, "", "") == ["04_kl"] * 2


def test_watch_survives_a_folder_that_is_renamed_and_comes_back(here, capsys):
    folder, other = Path("my_answers"), Path("other")
    steps = ("", lambda: folder.rename(other), "", "h", "l", "n", "p", lambda: other.rename(folder), "", "h")
    assert watch(here, *steps)[0] == "04_kl"
    assert "is not there" in capsys.readouterr().out
    assert not other.exists()
    assert len(list(folder.glob("*.py"))) == len(catalogue())


def test_watch_does_not_make_the_folder_that_is_gone(here, capsys):
    assert watch(here, "", lambda: Path("my_answers").rename("other"), "", "h", "l") == ["04_kl"]
    assert "expected a folder my_answers, found none" in capsys.readouterr().out
    assert not Path("my_answers").exists()


def test_watch_survives_an_answer_that_goes_while_it_is_checked(here, capsys):
    path, back = Path("my_answers/04_kl.py"), []

    def check_and_delete(entry, answer, stop):
        path.unlink()
        return check_until_stopped(entry, answer, stop)

    def restore():
        back.append(path.write_text(RIGHT, encoding="utf-8"))

    def check_once_deleted(entry, answer, stop):
        return (check_until_stopped if back else check_and_delete)(entry, answer, stop)

    script = Script("", restore, "", lambda: wait_until(lambda: session.running.has_ended(1)), "")
    session = Watch(make_console(), Answers(here / "my_answers"), script, KL, check_once_deleted)
    session.run()
    out = capsys.readouterr().out
    assert "is not there" in out
    assert "PASS" in out
    assert back


def save_as_vim(path, text=RIGHT):
    """Rename to a backup, write anew, remove the backup."""
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text, encoding="utf-8")
    backup.unlink()


def save_as_emacs(path, text=RIGHT):
    """Lock by a dangling link, write beside, rename."""
    lock, beside = path.with_name(f".#{path.name}"), path.with_name(f"#{path.name}#")
    lock.symlink_to("me@host.1:2")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    lock.unlink()


def instead(make):
    """Put something else in the place of the answer."""

    def replace(path):
        path.unlink()
        make(path)

    return replace


def folder_instead(make):
    """Put something else in the place of the folder of answers."""

    def replace(path):
        shutil.rmtree(path.parent)
        make(path.parent)

    return replace


WAYS = {
    "saved as vim": (save_as_vim, "Press n"),
    "saved as emacs": (save_as_emacs, "Press n"),
    "saved 50 times": (lambda path: [save_as_vim(path, f"x = {i}\n") for i in range(50)], "WRONG"),
    "deleted": (Path.unlink, "is not there"),
    "folder renamed": (lambda path: path.parent.rename(path.parent.with_name("other")), "expected a folder my_answers"),
    "folder deleted": (folder_instead(lambda folder: None), "expected a folder my_answers"),
    "folder a file": (folder_instead(lambda folder: folder.write_text("")), "is not there"),
    "folder a dangling link": (folder_instead(lambda folder: folder.symlink_to("nowhere")), "expected a folder"),
    "a folder": (instead(Path.mkdir), "expected a regular file"),
    "a dangling link": (instead(lambda path: path.symlink_to("nowhere")), "cannot be read (No such file"),
    "a link to itself": (instead(lambda path: path.symlink_to(path.name)), "cannot be read (Too many levels"),
    "a link to a device": (instead(lambda path: path.symlink_to("/dev/zero")), "expected a regular file"),
    "a pipe": (instead(lambda path: os.mkfifo(path)), "expected a regular file"),
    "5 GB of holes": (lambda path: os.truncate(path, 5 * 2**30), "expected at most 10,000,000 bytes"),
    "unreadable": (lambda path: path.chmod(0), "cannot be read (Permission denied)"),
    "folder unreadable": (lambda path: path.parent.chmod(0), "Permission denied"),
}


@pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")
@pytest.mark.parametrize("when", ["between two looks", "while it is checked"])
@pytest.mark.parametrize("way", WAYS)
def test_watch_survives_what_becomes_of_the_answer(here, way, when, capsys):
    change, said = WAYS[way]
    path, checked, changed = here / "my_answers" / "04_kl.py", [], []

    def once():
        if not changed:
            changed.append(True)
            change(path)

    def check(entry, answer, limits):
        checked.append(text := answer.read_text(encoding="utf-8"))
        if when == "while it is checked":
            once()
        return Verdict(entry.name, "PASS" if text == RIGHT else "WRONG")

    steps = ["", once, "", "h", "l", "x", ""]
    try:
        with permissions_hold() if "unreadable" in way else contextlib.nullcontext():
            Watch(make_console(), Answers(here / "my_answers"), Script(*steps), KL, check).run()
    finally:
        if "unreadable" in way:
            path.parent.chmod(0o700)
    assert changed
    assert said in " ".join(capsys.readouterr().out.split())
    assert len(checked) == 1 + way.startswith("saved")


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_an_answer_that_is_a_link_to_itself_gets_a_verdict(here):
    path = Path("my_answers/04_kl.py")
    path.unlink()
    path.symlink_to(path.name)
    assert check_answer(KL, path).outcome == "WRONG"


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_a_folder_that_is_a_link_to_itself_is_one_line(here):
    Path("loop").symlink_to("loop")
    with pytest.raises(InputError, match="cannot write loop"):
        run_command(options.Start(to=Path("loop")))


def test_an_answer_that_cannot_be_read_costs_itself_alone(here, capsys, monkeypatch):
    monkeypatch.setattr("exercises.commands.check_answer", lambda entry, *_: Verdict(entry.name, "PASS"))
    os.truncate("my_answers/04_kl.py", 5 * 2**30)
    assert check(all=True) == 1
    out = capsys.readouterr().out
    assert out.count("PASS") == len(catalogue()) - 1
    assert "NOT MEASURED" in out
    assert "expected at most 10,000,000 bytes" in out
    assert run_command(options.ShowProgress()) == 0
    assert "cannot be read" in capsys.readouterr().out


def test_watch_gives_a_pass_to_what_was_checked_only(here, capsys):
    """An editor saves while the check runs: what it saves has not passed."""
    write(RIGHT)

    def check_and_change(entry, answer, stop):
        write("x = 1\n")
        return Verdict(entry.name, "PASS")

    Watch(make_console(), Answers(here / "my_answers"), Script(), KL, check_and_change).run()
    assert Answers(here / "my_answers").progress().state(KL) == "changed since PASS"


def test_watch_without_a_terminal_reads_lines(here):
    write(WRONG)
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from exercises.commands import run_command"
    code += "; from exercises.options import Watch; sys.exit(run_command(Watch(exercise='04')))"
    with watching(code) as process:
        read_until(process, "read logvar as log σ")
        type_line(process, "h")
        read_until(process, "hint 1 of 3")
        type_line(process, "q")
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


@contextlib.contextmanager
def watching(code):
    """A process with pipes, which is ended with the block."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def read_until(process, text):
    """What a process prints up to a line with this text."""
    lines = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], f"the output ended before {text!r}: {lines}"
    return "".join(lines)


def type_line(process, line):
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_watch_reads_keys_and_a_saved_fix_while_a_loop_runs(here):
    write(f"import os\nopen({str(here / 'pid')!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n")
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from exercises.commands import run_command"
    code += "; from exercises.options import Watch; sys.exit(run_command(Watch(exercise='04')))"
    with watching(code) as process:
        looping = int(wait_until(lambda: (here / "pid").exists() and (here / "pid").read_text()))
        type_line(process, "h")
        assert "WRONG" not in read_until(process, "hint 1 of 3")
        assert is_running(looping)
        write(RIGHT)
        assert "WRONG" not in read_until(process, "PASS")
        assert not is_running(looping)
        write(f"import os\nopen({str(here / 'second')!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n")
        looping = int(wait_until(lambda: (here / "second").exists() and (here / "second").read_text()))
        type_line(process, "q")
        assert process.wait(60) == 0
        assert not is_running(looping)


def test_watch_shows_an_error_of_the_check_and_goes_on(here, capsys):
    def failing(entry, answer, stop):
        raise InputError("no room for the check")

    session = Watch(make_console(), Answers(here / "my_answers"), Script("", "h"), KL, failing)
    session.run()
    out = capsys.readouterr().out
    assert "no room for the check" in out
    assert "hint 1 of 3" in out


@pytest.mark.skipif(os.name != "posix", reason="a POSIX terminal")
def test_watch_on_a_terminal_reads_single_keys(here):
    import pty

    write(RIGHT)
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from exercises.kit.watch import open_keys\n"
    code += "with open_keys() as poll:\n    print('ready', flush=True)\n"
    code += "    for _ in range(3): print('key', poll(20), flush=True)"
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    os.write(ours, b"\x1b[H")  # the Home key, which is no h
    assert process.stdout.readline() == "key \n"
    os.write(ours, b"nl")  # and no Enter
    assert process.stdout.readline() == "key n\n"
    assert process.stdout.readline() == "key l\n"
    assert process.wait(20) == 0
    process.stdout.close()
    os.close(ours)
    os.close(theirs)


# The question before the code, and the end of the course


def question_session(here, *lines):
    """A session at a terminal in which these lines are typed; the end of the input comes after them."""
    waiting = iter(lines)

    def read():
        line = next(waiting, None)
        if line is None:
            raise EOFError
        return line

    def right(entry, answer, stop):
        return Verdict(entry.name, "PASS")

    Watch(make_console(), Answers(here / "my_answers"), Script("", "n", ""), KL, right, ask=read).run()
    return Answers(here / "my_answers").progress().records


def test_the_question_is_put_once_and_answered_after_the_pass(here, capsys):
    write(RIGHT)
    records = question_session(here, "  the mean, of course ", "")
    out = capsys.readouterr().out
    assert records["04_kl"].guess == "the mean, of course"
    assert out.count("Before you write: which costs more") == 2  # before, and beside the answer
    assert out.index("the mean, of course") < out.index("½ · 2² = 2 nats")
    following = catalogue()[[entry.name for entry in catalogue()].index("04_kl") + 1]
    assert records[following.name].asked
    assert records[following.name].guess == ""
    question_session(here)
    assert capsys.readouterr().out.count("one line, and Enter") == 0


def test_the_end_of_the_input_passes_the_question_over(here):
    assert question_session(here)["04_kl"].asked


def test_no_question_is_put_in_a_pipe(here, capsys):
    write(RIGHT)
    assert check(exercise="04") == 0
    out = capsys.readouterr().out
    assert "one line, and Enter" not in out
    assert "½ · 2² = 2 nats" in out
    assert "yours" not in out
    write(WRONG)
    assert check(exercise="04") == 1
    assert "½ · 2² = 2 nats" not in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="a POSIX terminal")
def test_a_line_is_read_and_shown_while_single_keys_are(here):
    import pty
    import termios

    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from exercises.kit.watch import open_keys, read_line\n"
    code += "with open_keys() as poll:\n    print('ready', flush=True)\n    print(repr(read_line()), flush=True)\n"
    code += "    print('key', poll(20), flush=True)"
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    wait_until(lambda: termios.tcgetattr(theirs)[3] & termios.ICANON)
    os.write(ours, b"two natz\x7fs\n")  # with a correction, as lines have them
    assert process.stdout.readline() == "'two nats'\n"
    os.write(ours, b"n")
    assert process.stdout.readline() == "key n\n"
    assert process.wait(20) == 0
    process.stdout.close()
    os.close(ours)
    os.close(theirs)


def test_the_last_pass_is_the_end_of_the_course(here, capsys):
    progress = Progress.load(here / "my_answers")
    for entry in catalogue():
        path = here / "my_answers" / f"{entry.name}.py"
        path.write_text(RIGHT if entry == KL else "x = 1\n", encoding="utf-8")
        if entry != KL:
            progress.remember(entry, content_hash(path), "PASS")
    write(WRONG)
    assert check(exercise="04") == 1
    progress.next_hint(KL)
    assert "The course is complete" not in capsys.readouterr().out
    write(RIGHT)
    assert check(exercise="04") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"The course is complete: {len(catalogue())} exercises have passed." in out
    for entry in catalogue():
        assert " ".join(entry.title.split()) in out
    assert "kl, kl_per_image, kl_per_latent" in out
    assert "hints taken: 1" in out
    assert f"checks of written answers: {len(catalogue()) + 1}" in out
    assert "The mistakes that you met, 1 of them" in out
    assert "04 read logvar as log σ" in out
    assert "vae-ladder climb" in out


def test_a_list_of_the_course_reads_each_answer_once(here, capsys, monkeypatch):
    read, state = [], Progress.state
    monkeypatch.setattr(Progress, "state", lambda self, entry: read.append(entry) or state(self, entry))
    assert run_command(options.ShowProgress()) == 0
    assert read == catalogue()
    assert f"0 of {len(read)} passed" in capsys.readouterr().out


def test_a_check_does_not_wait_for_what_sets_pages():
    code = (
        "import sys, exercises.commands; print([name for name in ('docutils', 'markdown_it') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What a check leaves behind, and its clock


def test_nothing_is_written_into_the_course_or_the_answers(here):
    def files():
        folders = COURSE / "04_kl", COURSE / "kit", here / "my_answers"
        return {path for folder in folders for path in folder.rglob("*") if path.suffix != ".pyc"}

    before = files()
    write(RIGHT)
    assert check_answer(KL, Path("my_answers/04_kl.py")).outcome == "PASS"
    assert files() == before
    assert not Path("my_answers/__pycache__").exists()


class Scripted:
    """Stands in for a process and for the time: each second writes the clock's file, ends, or neither."""

    def __init__(self, clock, *seconds):
        self.clock, self.seconds, self.time = clock, list(seconds), 0

    def poll(self):
        item = self.seconds.pop(0) if self.seconds else None
        if item == "starts":
            self.clock.touch()
            os.utime(self.clock, ns=(self.time, self.time))
        self.time += 1
        return item if isinstance(item, int) else None


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (["starts", None, None, 0], 0),
        (["starts", *[None] * 9, 0], None),
        (["starts", None, None, None, "starts", None, None, None, 0], 0),
        ([*[None] * 40, "starts", None, 3], 3),
        ([*[None] * 99, 0], None),
    ],
)
def test_time_starts_anew_with_every_write_of_the_clock(tmp_path, seconds, code):
    """The import of torch, after the first probes have passed, does not count as the answer's time."""
    process = Scripted(tmp_path / "clock", *seconds)
    assert wait_for(process, tmp_path / "clock", 5, now=lambda: process.time) == code


# new-exercise


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the parts that the authors' suite needs, and no exercise yet."""
    for name in ("foundation", "figures", "numpy_impl", "tools", "pyproject.toml"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    exercises = tmp_path / "exercises"
    exercises.mkdir()
    for name in ("__init__.py", "commands.py", "options.py"):
        shutil.copyfile(COURSE / name, exercises / name)
    shutil.copytree(COURSE / "kit", exercises / "kit", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "exercises").mkdir(parents=True)
    for name in ("__init__.py", "exercises/__init__.py", "exercises/test_exercises.py"):
        shutil.copyfile(CHECKOUT / "tests" / name, tmp_path / "tests" / name)
    return tmp_path


def in_checkout(folder, *arguments):
    """Run Python there, with that checkout's packages."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


MAKE = (
    "import sys; from exercises.commands import run_command; from exercises.options import NewExercise; "
    "sys.exit(run_command(NewExercise(name=sys.argv[1])))"
)


def test_new_exercise_passes_the_authors_checks_with_its_blanks_marked(checkout):
    made = in_checkout(checkout, "-c", MAKE, "flow")
    assert made.returncode == 0, made.stderr
    folder = checkout / "exercises" / "01_flow"
    files = {"page.md": folder.with_suffix(".md")}
    files |= {name: folder / name for name in ("exercise.py", "mistakes.py", "stub.py")}
    for name, file in files.items():
        assert f"made  {file.relative_to(checkout)}" in made.stdout
        text, skeleton = (path.read_text(encoding="utf-8") for path in (file, COURSE / "kit" / "skeleton" / name))
        assert text.count("TODO") == skeleton.count("TODO") > 0
        assert "NN" not in text
    suite = "tests/exercises/test_exercises.py"
    passed = in_checkout(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite, "-k", "01_flow")
    assert passed.returncode == 0, passed.stdout
    another = in_checkout(checkout, "-c", MAKE, "other_flow")
    assert "exercises/02_other_flow/stub.py" in another.stdout


def test_new_exercise_of_a_wrong_kind_is_refused():
    before = sorted(COURSE.iterdir())
    for name in ("kl", "04_other", "04_kl", "99_kl", "Flow", "19-flow", "1_flow", "../flow", ""):
        with pytest.raises(InputError, match="new-exercise: expected"):
            run_command(options.NewExercise(name=name))
    assert sorted(COURSE.iterdir()) == before


def test_new_exercise_needs_a_checkout(course):
    with pytest.raises(InputError, match="found an installed course"):
        run_command(options.NewExercise(name="flow"))
    assert not list(course.glob("*flow*"))
