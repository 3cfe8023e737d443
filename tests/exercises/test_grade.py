"""`vae-ladder grade`: every learner gets a row, an answer's accident or attack costs that answer alone."""

import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from rich.console import Console

from exercises import options
from exercises.commands import run_command
from exercises.kit import sandbox as sandbox_module
from exercises.kit.alike import fingerprint, groups
from exercises.kit.catalogue import COURSE, catalogue, find
from exercises.kit.check import check_answer
from exercises.kit.credit import Credit, Weights, read_credit, share
from exercises.kit.exercise import Exercise
from exercises.kit.formats import (
    MARK,
    points_of,
    read_roster,
    to_canvas,
    to_csv,
    to_gradescope,
    to_moodle,
    write_grades,
)
from exercises.kit.grade import Grade, JudgeProcess, grade
from exercises.kit.handed_in import HandedIn, Learner, gather
from exercises.kit.judge import Task, judge
from exercises.kit.limits import Limits
from exercises.kit.sandbox import Sandbox, choose, course_for, imported_solution
from exercises.kit.show_grades import show_grades
from exercises.kit.verdict import Verdict
from foundation.errors import InputError
from foundation.language import set_language
from tests.exercises.attacks import ATTACKS
from tests.support.kl_answers import RIGHT_KL as RIGHT
from tests.support.kl_answers import WRONG_KL as WRONG
from tests.support.privileges import permissions_hold
from tests.support.processes import is_running, wait_until

KL = find("04_kl")
CONFINED = [kind for kind in ("bubblewrap", "namespaces") if sandbox_module.works(Sandbox(kind))]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hand_in(folder, text, name="04_kl.py"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")


def hash_of_everything(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


def run(**choices):
    """The rows of the table by learner; the exit code is 0."""
    assert run_command(options.Grade(**{"folders": (Path("class"),), "exercises": "04"} | choices)) == 0
    with open(choices.get("out", "grades.csv"), encoding="utf-8-sig", newline="") as file:
        return {row["learner"]: row for row in csv.DictReader(file)}


# The table

VANDAL = """
from pathlib import Path

Path("litter.txt").write_text("in the working directory")
for path in Path(__file__).parent.glob("*.py"):
    path.write_text("overwritten")
for path in (Path(__file__).parents[1] / "anna").glob("*"):
    path.write_text("overwritten")
"""


def test_grade_many(here, capsys):
    hand_in(here / "class" / "anna", RIGHT)
    hand_in(here / "class" / "ben", WRONG)
    hand_in(here / "class" / "cleo", "while True:\n    pass\n")
    hand_in(here / "class" / "dan", "import os\nos._exit(0)\n")
    hand_in(here / "class" / "eve", VANDAL)
    hand_in(here / "class" / "=fay", KL.stub.read_text(encoding="utf-8"))
    (here / "class" / "not a learner").mkdir()
    (here / "class" / "gil").mkdir()
    (here / "class" / "gil" / "01_latent_space.py").touch()
    before = hash_of_everything(here / "class"), hash_of_everything(COURSE / "04_kl")
    rows = run(time_limit=1.0, out=Path("out/grades.csv"), report=Path("out/report.html"))
    assert (hash_of_everything(here / "class"), hash_of_everything(COURSE / "04_kl")) == before
    assert {learner: row["state"] for learner, row in rows.items()} == {
        "'=fay": "NOT WRITTEN YET",
        "anna": "PASS",
        "ben": "WRONG",
        "cleo": "WRONG",
        "dan": "WRONG",
        "eve": "NOT WRITTEN YET",
        "gil": "MISSING",
    }
    assert rows["ben"]["mistake"] == "read logvar as log σ"
    assert rows["cleo"]["got"] == "nothing in 1 s"
    assert {row["exercise"] for row in rows.values()} == {"04_kl"}
    out = capsys.readouterr().out
    assert "ben  04_kl  read logvar as log σ" in out
    assert "not a learner: a folder without any file such as 04_kl.py" in out
    assert "written to out/grades.csv and out/report.html" in out
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("anna", "=fay", "read logvar as log σ", "not a learner"))


def test_the_rest_of_a_file_is_judged_after_a_loop_a_crash_and_an_exit(here):
    for name, line in (("loop", "while True: pass"), ("crash", "ctypes.string_at(0)"), ("exit", "os._exit(0)")):
        text = RIGHT.replace("def kl(mu, logvar):", f"def kl(mu, logvar):\n    {line}")
        hand_in(here / "class" / name, "import ctypes, os\n" + text)
    rows = run(time_limit=1.0)
    earned = {learner: (row["state"], row["points"], row["of"]) for learner, row in rows.items()}
    assert earned == dict.fromkeys(("crash", "exit", "loop"), ("WRONG", "0.67", "1"))
    assert rows["loop"]["problem"] == "does a loop never end?"
    assert rows["crash"]["got"] == "a crash (SIGSEGV)"


def test_accidents_cost_one_answer_at_most(here, capsys):
    folder = here / "class"
    for learner in ("anna", "ben", "chen", "dora", "eva", "finn"):
        hand_in(folder / learner, RIGHT)
    (folder / "anna" / ".#04_kl.py").symlink_to("anna@machine.4242:1")
    (folder / "ben" / "extra.py").mkdir()
    hand_in(folder / "chen" / "helpers", "from numpy import exp as my_exp\n", "maths.py")
    hand_in(
        folder / "chen", RIGHT.replace("import numpy as np", "import numpy as np\nfrom helpers.maths import my_exp")
    )
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "dora" / "pipe.py")
    (folder / "dora" / "endless.py").symlink_to("/dev/zero")
    (folder / "eva" / "loop").symlink_to(folder)
    (folder / "finn" / "numpy.py").write_text("raise RuntimeError('the wrong numpy')\n")
    hand_in(folder / "gina" / "04_kl.py", "", "inner.txt")  # a folder of that name
    hand_in(folder / "hana", "x = " + "[" * 500 + "]" * 500)
    (folder / "hana" / "05_bernoulli.py").write_bytes(b"\xff\xfe\x00")
    os.rename(folder / "eva", os.fsencode(folder) + b"/J\xf6rg")
    rows = run()
    right = {learner for learner, row in rows.items() if row["state"] == "PASS"}
    assert right == {"anna", "ben", "chen", "dora", "J\\xf6rg", "finn"}
    assert rows["hana"]["state"] == "WRONG"
    out = capsys.readouterr().out
    assert "gina: a folder without any file such as 04_kl.py" in out
    assert "pipe.py: a link, pipe or device" in out
    assert "loop: a link, pipe or device" in out


def test_a_file_that_cannot_be_read_is_named(here, capsys):
    hand_in(here / "class" / "anna", RIGHT)
    hand_in(here / "class" / "ben", RIGHT)
    (here / "class" / "ben" / "04_kl.py").chmod(0)
    with permissions_hold():
        assert run()["ben"]["state"] == "MISSING"
    assert "cannot be read (Permission denied)" in capsys.readouterr().out


def test_the_table_is_written_after_each_learner(here):
    for learner in ("anna", "ben", "chen"):
        hand_in(here / "class" / learner, RIGHT if learner != "ben" else WRONG)
    seen = []
    handed_in = gather((here / "class",), here)
    grade(handed_in, [KL], Limits(), choose("auto"), on_learner=lambda grades: seen.append(len(grades)))
    assert seen[-1] == 3
    assert seen == sorted(set(seen))


def test_a_judge_that_ends_costs_one_verdict(here, tmp_path):
    process = JudgeProcess()
    process._popen.kill()
    found = process.judge(Task("04_kl", str(tmp_path), "04_kl.py", str(tmp_path), "none", 1.0, 1024))
    assert found.verdict.outcome == "NOT MEASURED"
    assert "the check itself failed" in found.verdict.problem
    process.close()


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_keeps_the_learners_who_were_done(here):
    hand_in(here / "class" / "anna", RIGHT)
    hand_in(here / "class" / "ben", f"open({str(here / 'reached')!r}, 'w')\nwhile True: pass\n")
    command = [sys.executable, "-m", "ladder.cli", "grade", "class", "--exercises", "04", "--out", "t.csv"]
    command += ["--sandbox", "none", "--time-limit", "60"]
    environment = os.environ | {"PYTHONPATH": str(COURSE.parent)}
    grading = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        wait_until(lambda: (here / "t.csv").exists() and (here / "reached").exists())
        grading.send_signal(signal.SIGINT)
        _, said = grading.communicate(timeout=60)
    finally:
        grading.kill()
    assert grading.returncode == 130
    assert said.strip() == "vae-ladder: stopped; kept: 1 learners in t.csv"
    assert [row["learner"] for row in csv.DictReader((here / "t.csv").open(encoding="utf-8-sig"))] == ["anna"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-6", "@x", "\t=1+1", "\tsix", "\n6", " =2"])
def test_no_cell_is_a_formula(text):
    verdict = Verdict("04_kl", "WRONG", got=text)
    row = next(
        csv.DictReader(io.StringIO(to_csv([Grade("anna", "04_kl", "WRONG", verdict)]).removeprefix(MARK), newline=""))
    )
    assert row["got"] == "'" + text


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_answers_end_with_the_process_that_grades(here):
    hand_in(
        here / "class" / "anna",
        f"import os\nopen({str(here / 'pid')!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n",
    )
    code = f"import sys; sys.path.insert(0, {str(COURSE.parent)!r}); from exercises.commands import run_command\n"
    code += "from exercises.options import Grade; from pathlib import Path\n"
    code += "run_command(Grade(folders=(Path('class'),), exercises='04', sandbox='none', time_limit=60.0))"
    grading = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: (here / "pid").exists() and (here / "pid").read_text())
    finally:
        grading.kill()
        grading.wait()
    wait_until(lambda: not is_running(int((here / "pid").read_text())))


def test_control_characters_of_an_answer_do_not_reach_the_terminal(here, capsys):
    hand_in(here / "class" / "anna", "def kl(mu, logvar):\n    raise ValueError('\\x1b[9A\\x1b[32mPASS')\n")
    hand_in(here / "class" / "b\x1b[2Jen", RIGHT)
    run()
    assert "\x1b" not in capsys.readouterr().out
    assert "\x1b[9A" not in Path("grades.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
def test_the_table_of_grades_names_every_learner_at_every_width(capsys, width):
    entries, names = catalogue(), ("minjun_2026_0117", "minseo_2026_0142")
    states = [(name, entry, "PASS" if entry == KL else "MISSING") for name in names for entry in entries]
    grades = [Grade(name, entry.name, state) for name, entry, state in states]
    show_grades(Console(width=width), grades, entries)
    out = capsys.readouterr().out
    table = out[: out.index("✓ pass")]
    assert max(map(len, table.splitlines())) <= width
    if width >= 80:
        assert all(name in table for name in names)
        assert table.count(f"1/{len(entries)}") == 2
        assert table.count("✓") == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"folders": ()}, "at least one"),
        ({"folders": (Path("nowhere"),)}, "no such folder"),
        ({"folders": (Path("empty"),)}, "04_kl.py"),
        ({"folders": (Path("file"),)}, "no such folder or archive"),
        ({"exercises": "04,99"}, "expected one of"),
        ({"out": Path("empty")}, "got a folder"),
        ({"out": Path("file/grades.csv")}, "cannot be written"),
        ({"report": Path("file/report.html")}, "cannot be written"),
        ({"time_limit": -1.0}, "time limit"),
        ({"memory_limit": 1}, "memory limit"),
        ({"memory_limit": 10**30}, "memory limit"),
        ({"format": "moodle"}, "--roster: expected the assignment's grading worksheet"),
        ({"format": "canvas", "roster": Path("file")}, "expected a column 'Student'"),
        ({"weights": Path("nowhere.toml")}, "cannot be read"),
        ({"sandbox": "perhaps"}, "--sandbox"),
    ],
)
def test_grade_refuses_before_it_begins(here, monkeypatch, change, said):
    hand_in(here / "class" / "anna", RIGHT)
    Path("empty").mkdir()
    Path("file").touch()
    monkeypatch.setattr("exercises.grading.grade", lambda *_: pytest.fail("it began"))
    with pytest.raises(InputError, match=said):
        run(**change)


def test_a_sandbox_that_is_required_and_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(sandbox_module, "works", lambda sandbox: False)
    with pytest.raises(InputError, match="--sandbox require"):
        choose("require")
    assert choose("auto").kind == "none"
    assert "with your rights" in choose("auto").promise()


# The same verdict as at home

PROXY = """
import importlib, sys
for name in [name for name in sys.modules if name.partition(".")[0] in ("exercises", "numpy_impl", "foundation")]:
    del sys.modules[name]
sys.path.insert(0, {root!r})
exercise = importlib.import_module("exercises.{name}.exercise").exercise
globals().update(exercise.solution | {which})
"""
"""An answer whose functions are the course's own."""


def candidates(entry, mistakes):
    """Expressions for the solution, its alternatives and some mistakes."""
    exercise: Exercise = entry.load()
    yield "{}"
    yield from (f"exercise.alternatives[{n}]" for n in range(len(exercise.alternatives)))
    yield from (f"exercise.mistakes[{n}].functions" for n in range(0, len(exercise.mistakes), mistakes))


@pytest.fixture(scope="module")
def judge_process():
    """Without the import hook by which the tests check shapes, as for a teacher."""
    process = JudgeProcess()
    yield process
    process.close()


def differences_from_home(entry, which, folder, process):
    """The fields in which the verdict of `grade` differs from that of `check`."""
    file = f"{entry.name}.py"
    hand_in(folder / "answer", PROXY.format(root=str(COURSE.parent), name=entry.name, which=which), file)
    answer = str(folder / "answer")
    found = process.judge(Task(entry.name, answer, file, answer, "none", 60.0, 4096)).verdict
    expected = check_answer(entry, folder / "answer" / file, Limits(60.0, 4096))
    fields = ("outcome", "mistake", "probe", "about", "called", "got", "expected", "problem", "explanation", "note")
    if expected.got.endswith("then something else"):  # a function that draws random numbers
        fields = tuple(field for field in fields if field != "got")
    pairs = {field: (getattr(found, field), getattr(expected, field)) for field in fields}
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("number", ["01", pytest.param("07", marks=pytest.mark.slow), "18"])
def test_functions_as_arguments_are_asked_in_the_other_process(tmp_path, judge_process, number):
    """Encoders, decoders, generators, views of an argument, and whole VAEs whose weights are changed in place."""
    entry = find(number)
    assert differences_from_home(entry, next(candidates(entry, 1000)), tmp_path, judge_process) == {}


@pytest.mark.slow
@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_grade_and_check_agree(tmp_path, judge_process, entry):
    for which in candidates(entry, 7):
        assert differences_from_home(entry, which, tmp_path, judge_process) == {}, which


def remote(text, folder, number="04", kind="none", **limits):
    entry = find(number)
    hand_in(folder / "answer", text, f"{entry.name}.py")
    if not (folder / "course").exists():
        course_for(entry, folder / "course")
    answer = str(folder / "answer")
    limits = {"seconds": 2.0, "megabytes": 1024} | limits
    return judge(Task(entry.name, answer, f"{entry.name}.py", answer, kind, **limits), folder / "course")


def test_a_result_that_a_later_call_overwrites_is_seen_in_another_process(tmp_path):
    text = RIGHT.replace(
        "def kl_per_image(mu, logvar):\n    return _entries(mu, logvar).sum(axis=1)",
        "def kl_per_latent_(): pass\nKEPT = np.zeros(5)\n"
        "def kl_per_image(mu, logvar):\n"
        "    if len(mu) != 5: return _entries(mu, logvar).sum(axis=1)\n"
        "    KEPT[:] = _entries(mu, logvar).sum(axis=1)\n    return KEPT",
    )
    twice = text.replace("def kl(mu, logvar):", "def kl(mu, logvar):\n    kl_per_image(0 * mu, logvar)")
    assert remote(twice, tmp_path).verdict.outcome == "PASS"  # it is overwritten before it is returned
    text += "\nlater = kl_per_latent\ndef kl_per_latent(mu, logvar):\n    KEPT[:] = 0\n    return later(mu, logvar)\n"
    verdict = remote(text, tmp_path).verdict
    assert verdict.problem == "the function returns the same array every time"


def test_a_function_that_was_given_takes_no_gigabytes(tmp_path):
    """It runs in the process that judges."""
    text = "import numpy as np\ndef decode_grid(decode, z):\n    return decode(np.zeros((10**6, z.shape[1])))\n"
    verdict = remote(text, tmp_path, "01").verdict
    assert verdict.got == "ValueError: more than 2 MB of arguments at once for a function that was given"


def test_an_argument_that_is_changed_in_place_is_seen_in_another_process(tmp_path):
    verdict = remote(RIGHT.replace("def kl(mu, logvar):", "def kl(mu, logvar):\n    mu *= 1.5"), tmp_path).verdict
    assert verdict.outcome == "WRONG"
    assert "mu of kl" in f"{verdict.got} {verdict.problem}"


@pytest.mark.parametrize(
    ("text", "got", "line"),
    [
        ("def kl(mu, logvar):\n    while True: pass\n", "nothing in 1 s", "2"),
        ("while True: pass\n", "nothing in 1 s", "1"),
        ("import os\nos._exit(0)\n", "the end of Python, with exit code 0", ""),
        ("import sys\ndef kl(mu, logvar):\n    sys.exit(3)\n", "SystemExit: 3", "3"),
        ("def kl(mu logvar):\n", "SyntaxError: invalid syntax", "1"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError", "1"),
        ("kl = 3\n", "int, not a function", ""),
        ("def kl(mu, logvar):\n    return float(input())\n", "EOFError", "2"),
        ("def kl(mu, logvar):\n    return kl(mu, logvar)\n", "RecursionError", "2"),
        ("raise NotImplementedError\n", "", ""),
        ("def kl(mu, logvar):\n    raise KeyError('x')\n", "KeyError: 'x'", "2"),
    ],
)
def test_misbehaving_answer_gets_the_verdict_of_a_check(tmp_path, text, got, line):
    verdict = remote(text, tmp_path, seconds=1.0).verdict
    assert verdict.outcome == ("WRONG" if got else "NOT WRITTEN YET")
    assert got in verdict.got
    assert not line or verdict.where.endswith(f"04_kl.py:{line}")


def test_a_name_that_is_no_function_does_not_hide_the_others(tmp_path):
    found = remote(RIGHT.replace("def kl(mu", "kl = 3\n\n\ndef other(mu"), tmp_path)
    assert found.verdict.got == "int, not a function"
    assert found.outcomes == ("WRONG",) * 6 + ("PASS",) * 2


# Attacks


@pytest.fixture
def class_of_attackers(here, monkeypatch):
    """Every attack as a learner; at the end, no trace of any is left on the teacher's machine."""
    hits = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, hits), daemon=True).start()
        secret, marker = here / "home" / "secret.txt", here / "marker"
        secret.parent.mkdir()
        secret.write_text("sesame", encoding="utf-8")
        monkeypatch.setenv("VAE_LADDER_SECRET", "sesame")
        hand_in(here / "class" / "neighbour", RIGHT)
        places = {"secret": secret, "course": COURSE, "neighbour": here / "class" / "neighbour", "marker": marker}
        yield lambda names: _hand_in_attacks(here, names, places | {"port": server.getsockname()[1]})
    assert not hits
    assert not marker.exists()
    assert secret.read_text(encoding="utf-8") == "sesame"


def _accept(server, hits):
    while True:
        try:
            hits.append(server.accept())
        except OSError:
            return


def _hand_in_attacks(here, names, places):
    for name in names:
        hand_in(here / "class" / name.replace("/", "_"), ATTACKS[name].text.format(**places))


def judge_attacks(names, kind, megabytes=1024):
    before = hash_of_everything(COURSE / "04_kl"), hash_of_everything(COURSE / "kit"), hash_of_everything(Path("class"))
    handed_in = gather((Path("class"),), Path())
    grades = grade(handed_in, [KL], Limits(1.0, megabytes), Sandbox(kind)).grades
    after = hash_of_everything(COURSE / "04_kl"), hash_of_everything(COURSE / "kit"), hash_of_everything(Path("class"))
    assert after == before
    found = {graded.learner: graded for graded in grades}
    assert found.pop("neighbour").state == "PASS"
    wrong = {
        name: found[name.replace("/", "_")]
        for name in names
        if found[name.replace("/", "_")].state not in ATTACKS[name].states
    }
    assert wrong == {}
    text = to_csv(grades)
    assert "sesame" not in text
    assert len(list(csv.DictReader(io.StringIO(text)))) == len(names) + 1


QUICK = [name for name, attack in ATTACKS.items() if not attack.slow]


@pytest.mark.skipif("namespaces" not in CONFINED, reason="needs Linux's namespaces")
def test_attacks_cost_their_own_answer(class_of_attackers):
    class_of_attackers(QUICK)
    judge_attacks(QUICK, "namespaces")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bubblewrap", "namespaces"])
def test_all_attacks_in_every_sandbox(class_of_attackers, kind):
    if kind not in CONFINED:
        pytest.skip(f"needs {kind}")
    class_of_attackers(ATTACKS)
    judge_attacks(list(ATTACKS), kind)


@pytest.mark.slow
@pytest.mark.skipif(not CONFINED, reason="needs a sandbox")
def test_an_installed_course_is_hidden_where_it_lies_beside_other_packages(here):
    site = here / "lib" / "site-packages"
    for package in ("exercises", "foundation", "numpy_impl", "ladder", "figures", "paper", "pytorch_lowlevel"):
        shutil.copytree(COURSE.parent / package, site / package, ignore=shutil.ignore_patterns("*.png", "*.ipynb"))
    look = f"[(name, os.listdir({str(site)!r} + '/' + name)) for name in sorted(os.listdir({str(site)!r}))]"
    hand_in(here / "class" / "anna", f"import os\ndef kl(mu, logvar):\n    raise ValueError({look})\n")
    hand_in(here / "class" / "ben", "from numpy_impl.functional import relu\n" + RIGHT)
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from ladder.cli import main; sys.exit(main())"
    command = [
        sys.executable,
        "-P",
        "-c",
        code,
        str(site),
        "grade",
        "class",
        "--exercises",
        "04",
        "--sandbox",
        "require",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["learner"]: row for row in csv.DictReader(file)}
    assert rows["anna"]["got"].count("[]") == 7
    assert rows["ben"]["state"] == "PASS"


WITHOUT_SANDBOX = [
    "patches NumPy's comparisons",
    "patches the checker",
    "patches builtins",
    "writes a verdict",
    "writes results into every pipe",
    "prints a verdict",
    "returns what equals everything",
    "climbs the stack for expected values",
    "looks for the exercise among all objects",
    "reads the environment",
    "raises what has no text",
    "returns itself in itself",
    "imports by a made-up name",
]
"""Attacks that fail because the process holds nothing, wherever it runs."""


def test_without_a_sandbox_an_answer_still_holds_no_solution(class_of_attackers):
    class_of_attackers(WITHOUT_SANDBOX)
    judge_attacks(WITHOUT_SANDBOX, "none", 4096)


# Answers that import the solution, and answers that are alike


@pytest.mark.parametrize(
    ("number", "text", "found"),
    [
        ("04", "from numpy_impl.vae_numpy import kl_divergence", ["numpy_impl.vae_numpy.kl_divergence"]),
        ("04", "from numpy_impl import vae_numpy as v\nv.kl_divergence", ["numpy_impl.vae_numpy.kl_divergence"]),
        ("04", "import numpy_impl.vae_numpy\nnumpy_impl.vae_numpy.kl_divergence(1, 2)", None),
        ("04", "from numpy_impl.vae_numpy import *", None),
        ("04", "from paper.losses import kl", None),
        ("04", "import exercises.kit", None),
        ("04", "x = 'exercises.04_kl.exercise'", None),
        ("04", "import numpy as np\nfrom numpy_impl.functional import relu", []),
        ("04", "from exercises import check", []),
        ("04", "def kl(mu logvar):", []),
        ("01", "from exercises.model import load_images, load_model", []),
        ("13", find("13").stub.read_text(encoding="utf-8"), []),
        ("14", find("14").stub.read_text(encoding="utf-8"), []),
        ("16", find("16").stub.read_text(encoding="utf-8"), []),
        ("13", "from numpy_impl.vae_numpy import backward", ["numpy_impl.vae_numpy.backward"]),
    ],
)
def test_imports_of_the_solution_are_found_by_reading(number, text, found):
    entry = find(number)
    imports = imported_solution(text, entry, entry.load())
    assert imports == found if found is not None else imports


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_no_stub_imports_the_solution(entry):
    assert imported_solution(entry.stub.read_text(encoding="utf-8"), entry, entry.load()) == []


def test_answers_that_differ_in_names_alone_are_alike():
    longer = RIGHT + "\n\ndef unused(a):\n    b = a + 1\n    return [c * b for c in range(9) if c % 2]\n" * 3
    other = longer.replace("_entries", "_terms").replace("(mu, logvar)", "(m, s)").replace("mu**2", "m**2")
    other = other.replace("np.exp(logvar)", "np.exp(s)").replace("- logvar)", "- s)").replace("len(mu)", "len(m)")
    assert fingerprint(longer, KL) == fingerprint(other + "# and a comment\n", KL) != ""
    assert fingerprint(longer.replace("/ 2", "/ 3"), KL) != fingerprint(longer, KL)
    assert fingerprint("def kl(a, b):\n    return a\n", KL) == ""
    assert fingerprint("def kl(", KL) == ""
    marks = {("anna", "04_kl"): "x", ("ben", "04_kl"): "x", ("chen", "04_kl"): "y", ("dan", "04_kl"): ""}
    assert groups(marks) == [("04_kl", ["anna", "ben"])]


# Credit

FUNCTIONS = (("kl",), ("kl",), ("kl_per_image",), ("kl", "kl_per_latent"))


@pytest.mark.parametrize(
    ("by", "weights", "outcomes", "expected"),
    [
        ("exercise", Weights(), ("PASS",) * 4, 1),
        ("exercise", Weights(), ("PASS", "PASS", "PASS", "WRONG"), 0),
        ("exercise", Weights(probes={4: 0}), ("PASS", "PASS", "PASS", "WRONG"), 1),
        ("function", Weights(), ("PASS", "PASS", "PASS", "WRONG"), 1 / 3),
        ("function", Weights(functions={"kl": 4}), ("PASS", "PASS", "WRONG", "PASS"), 5 / 6),
        ("probe", Weights(), ("PASS", "PASS", "WRONG", "PASS"), 2 / 3),
        ("probe", Weights(), ("PASS", "WRONG", "PASS", "PASS"), (2 / 3 + 1 + 1) / 3),
        ("probe", Weights(), ("PASS", "NOT MEASURED", "PASS", "PASS"), 1),
        ("function", Weights(), ("NOT WRITTEN YET",) * 4, 0),
        ("function", Weights(), ("NOT MEASURED",) * 4, 0),
    ],
)
def test_shares(by, weights, outcomes, expected):
    assert share(by, weights, outcomes, FUNCTIONS) == pytest.approx(expected)


def test_weights_are_read_from_one_file(here):
    Path("w.toml").write_text(
        'credit = "probe"\n[04_kl]\npoints = 10\n[04_kl.functions]\nkl = 2\n[04_kl.probes]\n"1" = 0\n', encoding="utf-8"
    )
    assert read_credit(Path("w.toml")) == Credit("probe", {"04_kl": Weights(10, {"kl": 2}, {1: 0})})
    hand_in(here / "class" / "anna", WRONG)
    row = run(weights=Path("w.toml"))["anna"]
    assert row["of"] == "10"
    assert 0 < float(row["points"]) < 10


@pytest.mark.parametrize(
    "text",
    [
        'credit = "days"',
        "[04_lk]",
        "[04_kl]\npoint = 1",
        "[04_kl]\npoints = -1",
        "[04_kl]\npoints = true",
        "[04_kl.functions]\nlk = 1",
        '[04_kl.probes]\n"0" = 1',
        "[04_kl",
        "04_kl = 3",
    ],
)
def test_weights_that_mean_nothing_are_refused(here, text):
    Path("w.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"w\.toml"):
        read_credit(Path("w.toml"))


# Formats

OUTCOMES = {"outcomes": ("PASS", "WRONG"), "functions": (("kl",), ("kl_per_image",))}
BEN = Verdict("04_kl", "WRONG", got="3", expected="2", mistake="read logvar as log σ")
GRADES = [
    Grade("anna lee", "04_kl", "PASS", Verdict("04_kl", "PASS"), ("PASS", "PASS"), (("kl",), ("kl_per_image",)), "101"),
    Grade("Jörg Müller", "04_kl", "WRONG", BEN, **OUTCOMES, number="102"),
]
GRADEBOOK = (
    MARK + "Student,ID,SIS User ID,SIS Login ID,Section,VAE Ladder (4711),Final Score\n"
    "    Points Possible,,,,,1.0,(read only)\n"
    '"Lee, Anna",101,,alee,A,,\n"Müller, Jörg",102,,jm,A,,\n"Kim, Min",103,,mk,B,,\n'
)
WHOLE_GRADEBOOK = (
    "LastName,FirstName,ID,SIS User ID,SIS Login ID,Integration ID,Root Account,Section,Notes,VAE Ladder (4711),"
    "Homework Current Score,Final Score,Override Score\n"
    ",,,,,,,,,Manual Posting,,,\n"
    "    Points Possible,,,,,,,,,1.00,(read only),(read only),\n"
    "Lee,Anna,101,s1,alee,,canvas.example.edu,A,,,,,\nMüller,Jörg,102,s2,jm,,canvas.example.edu,A,,N/A,,,\n"
)
"""Every column and row that Canvas's exporter may write before the totals."""
WORKSHEET = (
    MARK + "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    'Participant 101,Anna Lee,7,a@x.org,Submitted for grading,,100.00,Yes,"Monday, 1 June 2026",-,\n'
    'Participant 102,Jörg Müller,8,j@x.org,Submitted for grading,,100.00,Yes,"Monday, 1 June 2026",-,\n'
    "Participant 103,Min Kim,9,m@x.org,No submission,,100.00,Yes,-,-,\n"
)


def roster(text, kind, here):
    (here / "roster.csv").write_text(text, encoding="utf-8")
    return read_roster(here / "roster.csv", kind)


def test_canvas_gets_its_own_gradebook_with_a_column(here):
    """As https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_exporter.rb writes it."""
    rows = list(csv.reader(io.StringIO(to_canvas(roster(GRADEBOOK, "canvas", here), GRADES, Credit(), "VAE Ladder"))))
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "VAE Ladder (4711)"],
        ["    Points Possible", "", "", "", "", "1"],
        ["Lee, Anna", "101", "", "alee", "A", "1"],
        ["Müller, Jörg", "102", "", "jm", "A", "0.5"],
    ]


def test_canvas_may_export_names_in_two_columns(here):
    """As https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb reads it.

    The heading begins with LastName itself, so without a mark; the row of Manual Posting need not come back.
    """
    sheet = roster(WHOLE_GRADEBOOK, "canvas", here)
    write_grades(here / "import.csv", "canvas", GRADES, Credit(), sheet, "VAE Ladder")
    assert list(csv.reader(io.StringIO((here / "import.csv").read_text(encoding="utf-8")))) == [
        ["LastName", "FirstName", "ID", "SIS User ID", "SIS Login ID", "Section", "VAE Ladder (4711)"],
        ["    Points Possible", "", "", "", "", "", "1"],
        ["Lee", "Anna", "101", "s1", "alee", "A", "1"],
        ["Müller", "Jörg", "102", "s2", "jm", "A", "0.5"],
    ]


@pytest.mark.parametrize("column", ["Identifier", "Grade", "Last modified (grade)"])
def test_a_worksheet_that_moodle_would_refuse_is_refused(here, column):
    """Without one of these https://github.com/moodle/moodle/blob/main/mod/assign/feedback/offline/importgradeslib.php
    reads nothing. Their names are those of mod/assign/lang/en/assign.php."""
    with pytest.raises(InputError, match=f"expected a column '{re.escape(column)}'"):
        roster(WORKSHEET.replace(f",{column},", ",other,").replace(f"{column},", "other,", 1), "moodle", here)


def test_moodle_gets_its_own_worksheet_with_grade_and_feedback(here):
    sheet = roster(WORKSHEET, "moodle", here)
    rows = list(csv.DictReader(io.StringIO(to_moodle(sheet, GRADES, Credit()))))
    assert list(rows[0]) == sheet.columns
    assert [row["Grade"] for row in rows] == ["100", "50", ""]
    assert rows[1]["Feedback comments"] == "04_kl: WRONG, 0.5/1 (read logvar as log σ)"
    assert rows[2]["Feedback comments"] == ""
    assert rows[0]["Last modified (grade)"] == "-"


@pytest.mark.parametrize("kind", ["canvas", "moodle"])
def test_learners_without_a_row_are_named(here, kind):
    sheet = roster(GRADEBOOK if kind == "canvas" else WORKSHEET, kind, here)
    grades = [*GRADES, Grade("nadia", "04_kl", "MISSING")]
    with pytest.raises(InputError, match=r"expected one row for each learner.*nadia"):
        to_canvas(sheet, grades, Credit(), "x") if kind == "canvas" else to_moodle(sheet, grades, Credit())


GRADESCOPE_RESULTS = {
    *("score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility"),
    *("stdout_visibility", "extra_data", "tests", "leaderboard"),
}
GRADESCOPE_TEST = {
    *("score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags", "visibility"),
    "extra_data",
}
"""The keys of https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format"."""


def test_gradescope_gets_results_json(here):
    results = json.loads(to_gradescope(GRADES[1:], Credit()))
    assert results["score"] == 0.5
    (test,) = results["tests"]
    assert (test["name"], test["score"], test["max_score"], test["status"]) == ("04_kl", 0.5, 1.0, "failed")
    assert set(results) <= GRADESCOPE_RESULTS
    assert set(test) <= GRADESCOPE_TEST
    assert test["visibility"] in ("hidden", "after_due_date", "after_published", "visible")
    assert test["output_format"] in ("text", "html", "simple_format", "md", "ansi")
    assert "read logvar as log σ" in test["output"]
    with pytest.raises(InputError, match="one learner's submission"):
        to_gradescope(GRADES, Credit())


def test_a_learner_without_a_row_is_named_before_anything_is_graded(here, monkeypatch):
    hand_in(here / "class" / "nadia", RIGHT)
    Path("sheet.csv").write_text(WORKSHEET, encoding="utf-8")
    monkeypatch.setattr("exercises.grading.grade", lambda *_: pytest.fail("it began"))
    with pytest.raises(InputError, match="nadia"):
        run(format="moodle", roster=Path("sheet.csv"))


AUTOGRADER = COURSE / "class" / "autograder"


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_the_autograder_of_gradescope_writes_results_whatever_comes(here):
    """As Gradescope does: the submission in one folder, and results.json asked for in another."""
    (here / "source").mkdir()
    (here / "source" / "exercises.txt").write_text("04\n", encoding="utf-8")
    programs = here / "venv" / "bin"
    programs.mkdir(parents=True)
    for name, code in (("vae-ladder", "-m ladder.cli"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {code} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    environment = os.environ | {"AUTOGRADER": str(here), "PYTHONPATH": str(COURSE.parent)}
    scores = []
    for text in (RIGHT, WRONG, None):
        hand_in(here / "submission", text or "", "04_kl.py" if text else "notes.txt")
        if text is None:
            (here / "submission" / "04_kl.py").unlink()
        subprocess.run(["bash", AUTOGRADER / "run_autograder"], env=environment, check=True)
        results = json.loads((here / "results" / "results.json").read_text(encoding="utf-8"))
        scores.append((results["score"], results.get("output", "")))
    assert [score for score, _ in scores] == [1, 0, 0]
    assert "expected files such as 04_kl.py" in scores[2][1]


def test_every_format_writes_a_file(here):
    hand_in(here / "class" / "Anna Lee_101_assignsubmission_file_", RIGHT)
    hand_in(here / "class" / "Jörg Müller_102_assignsubmission_file_", WRONG)
    Path("sheet.csv").write_text(WORKSHEET, encoding="utf-8")
    Path("book.csv").write_text(GRADEBOOK, encoding="utf-8")
    for kind, file in (("moodle", "sheet.csv"), ("canvas", "book.csv")):
        choices = {"folders": (Path("class"),), "exercises": "04", "format": kind, "roster": Path(file)}
        assert run_command(options.Grade(**choices, out=Path(f"{kind}.csv"))) == 0
        assert Path(f"{kind}.csv").read_text(encoding="utf-8").startswith(MARK)
    alone = here / "class" / "Anna Lee_101_assignsubmission_file_"
    choices = {"folders": (alone,), "exercises": "04", "format": "gradescope", "out": Path("results.json")}
    assert run_command(options.Grade(**choices)) == 0
    assert json.loads(Path("results.json").read_text(encoding="utf-8"))["score"] == 1


def test_points_are_for_answers_that_ran():
    assert points_of(GRADES[0], Credit()) == 1
    assert points_of(GRADES[1], Credit()) == 0.5
    assert points_of(Grade("x", "04_kl", "IMPORTED", BEN, **OUTCOMES), Credit()) == 0
    assert points_of(Grade("x", "04_kl", "MISSING"), Credit()) == 0


def test_the_report_is_in_the_language_of_messages(here, monkeypatch):
    """The Korean page has the elements, learners and points of the English one, and no English of its own."""
    hand_in(here / "class" / "anna", RIGHT)
    hand_in(here / "class" / "ben", WRONG)
    hand_in(here / "class" / "dan", "def kl(mu, logvar):\n    raise ValueError('no')\n")
    hand_in(here / "class" / "eve", "from numpy_impl.vae_numpy import kl_divergence\n")
    hand_in(here / "class" / "fay", KL.folder.joinpath("stub.ko.py").read_text(encoding="utf-8"))
    for name in (".DS_Store", "report.pdf"):
        (here / "class" / "ben" / name).touch()
    pages = {}
    for language in ("en", "ko"):
        set_language(language)
        try:
            run(report=Path("report.html"))
        finally:
            set_language("en")
        pages[language] = Path("report.html").read_text(encoding="utf-8").partition("</style>")[2]
    english, korean = pages["en"], pages["ko"]
    assert re.findall(r"</?\w+", korean) == re.findall(r"</?\w+", english)
    cells = r">\s*([✓✗!?·–]|\d+/\d+|[\d.]+|04_kl(?:\.py:\d+)?|anna|ben|dan|eve|fay)\s*<"
    assert re.findall(cells, korean) == re.findall(cells, english)
    assert "학습자 5명, 답안 5개." in korean
    assert "5 learners, 5 answers." in english
    for words in ("정답", "오답", "풀이를 가져옴", "아직 쓰지 않음", "제출하지 않음", "학급의 실수", "파일 1개"):
        assert words in korean
    assert not re.search(r"learner|mistake|exercise by|handed in|graded", re.sub(r"<[^>]*>", "", korean))


def test_the_report_escapes_what_an_answer_chooses(here):
    hand_in(here / "class" / "<b>anna", "def kl(mu, logvar):\n    raise ValueError('<script>alert(1)</script>')\n")
    (here / "class" / "<b>anna" / "<i>.txt").touch()
    run(report=Path("report.html"))
    page = Path("report.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>anna" not in page
    assert "&lt;i&gt;.txt" in page


def test_a_learner_is_prepared_from_where_the_answer_lies(tmp_path):
    hand_in(tmp_path / "anna", RIGHT)
    hand_in(tmp_path / "anna", "x = 1\n", "helper.py")
    learner = Learner("anna", {"04_kl": tmp_path / "anna" / "04_kl.py"})
    assert learner.prepare(KL, tmp_path / "copy") == []
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"04_kl.py", "helper.py"}
    assert isinstance(HandedIn().learners, list)
    assert sys.platform != "linux" or CONFINED  # this machine tests the attacks in at least one sandbox
