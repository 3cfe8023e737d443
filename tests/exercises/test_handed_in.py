"""Answers are found however they are handed in, and everything else is listed with the reason."""

import io
import json
import os
import stat
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from exercises.kit import archives
from exercises.kit.archives import Budget, copy_limited, unpack
from exercises.kit.catalogue import find
from exercises.kit.handed_in import gather
from exercises.kit.notebooks import exercises_in, place_in_notebook, script_of
from tests.support.kl_answers import RIGHT_KL as RIGHT

KL = find("04_kl")


def put(path, text=RIGHT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(folder, temporary, *more):
    """The exercises of each learner, and the notes as {name: reason}."""
    temporary.mkdir(exist_ok=True)
    handed_in = gather((folder, *more), temporary)
    notes = {Path(note.path).name: note.reason for note in handed_in.notes}
    return {learner.name: sorted(learner.answers) for learner in handed_in.learners}, notes


def zipped(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


BOTH = ["04_kl", "05_bernoulli"]
LITTER = ("__MACOSX/._04_kl.py", ".DS_Store", "desktop.ini", "Thumbs.db", "__pycache__/04_kl.pyc", ".#04_kl.py", "x~")


@pytest.mark.parametrize(
    ("files", "learners"),
    [
        (("04_kl.py", "05_bernoulli.py"), {"all": BOTH}),
        (("my_answers/04_kl.py", "my_answers/05_bernoulli.py"), {"all": BOTH}),
        (("anna/04_kl.py", "ben/05_bernoulli.py"), {"anna": BOTH[:1], "ben": BOTH[1:]}),
        (("anna/my_answers/04_kl.py", "ben/deep/er/my_answers/04_kl.py"), {"anna": BOTH[:1], "ben": BOTH[:1]}),
        (("anna/homework/my_answers/04_kl.py",), {"anna": BOTH[:1]}),
        (("anna/week1/04_kl.py", "anna/week2/05_bernoulli.py"), {"anna": BOTH}),
        (("submissions/anna/04_kl.py", "submissions/ben/05_bernoulli.py"), {"anna": BOTH[:1], "ben": BOTH[1:]}),
        (("submissions/anna/04_kl.py",), {"anna": BOTH[:1]}),
        (("mon/kim/04_kl.py", "mon/lee/04_kl.py", "fri/kim/04_kl.py", "fri/bo/04_kl.py"), None),
        (
            (
                "Anna Lee_101_assignsubmission_file_/04_kl.py",
                "Anna Lee_101_assignsubmission_file_/05_bernoulli.py",
                "Group A-Ben Kim_102_assignsubmission_file_/my_answers/04_kl.py",
            ),
            {"Anna Lee": BOTH, "Group A-Ben Kim": BOTH[:1]},
        ),
        (
            ("Anna Lee_101_assignsubmission_file_04_kl.py", "Ben Kim_102_assignsubmission_file_04_kl.py"),
            {"Anna Lee": BOTH[:1], "Ben Kim": BOTH[:1]},
        ),
        (
            ("leeanna_101_5001_04_kl.py", "leeanna_101_5002_05_bernoulli-1.py", "kimben_LATE_102_5003_04_kl-2.py"),
            {"leeanna": BOTH, "kimben": BOTH[:1]},
        ),
        (("Anna Lee - 04_kl.py", "Ben Kim - 04_kl.py"), {"Anna Lee": BOTH[:1], "Ben Kim": BOTH[:1]}),
        (("submission_1234/04_kl.py", "submission_1235/04_kl.py"), None),
        (("anna/04_KL.py", "ben/04-kl.py", "chen/04_kl (1).py"), dict.fromkeys(("anna", "ben", "chen"), BOTH[:1])),
    ],
)
def test_layouts(tmp_path, files, learners):
    for file in files:
        put(tmp_path / "all" / file)
    for name in LITTER:
        put(tmp_path / "all" / name, "")
    result, notes = found(tmp_path / "all", tmp_path / "unpacked")
    if learners is None:
        assert len(result) == len(files)
        assert all(exercises == BOTH[:1] for exercises in result.values())
    else:
        assert result == learners
    assert notes == {}


def test_learners_are_told_apart(tmp_path):
    for name in ("a/x", "b/x", "y"):
        put(tmp_path / name / "04_kl.py")
    result, _ = found(tmp_path / "a", tmp_path / "t", tmp_path / "b" / "x", tmp_path / "y", tmp_path / "y")
    assert list(result) == ["a/x", "b/x", "y"]


def test_learners_of_one_name_in_two_groups_are_both_found(tmp_path):
    for group in ("monday", "friday"):
        put(tmp_path / group / "submissions" / "kim" / "04_kl.py")
    folders = tmp_path / "monday" / "submissions", tmp_path / "friday" / "submissions"
    result, _ = found(folders[0], tmp_path / "t", folders[1])
    assert sorted(result) == ["friday/submissions/kim", "monday/submissions/kim"]


def test_a_folder_behind_a_link_is_a_pairs(tmp_path):
    put(tmp_path / "elsewhere" / "04_kl.py")
    put(tmp_path / "all" / "ben" / "my_answers" / "04_kl.py")
    for name in ("anna", "chen"):
        (tmp_path / "all" / name).symlink_to(tmp_path / "elsewhere")
    assert list(found(tmp_path / "all", tmp_path / "t")[0]) == ["anna", "ben", "chen"]


def test_the_latest_of_several_is_taken_and_the_others_are_named(tmp_path):
    for name in ("04_kl", "04_kl-1", "04_kl-2"):
        put(tmp_path / "all" / f"leeanna_101_50_{name}.py", f"# {name}")
    put(tmp_path / "all" / "kimben_102_51_04_kl.ipynb", notebook(RIGHT))
    put(tmp_path / "all" / "kimben_102_52_04_kl.py", "# script")
    handed_in = gather((tmp_path / "all",), tmp_path)
    texts = {learner.name: learner.answers["04_kl"].read_text() for learner in handed_in.learners}
    assert texts == {"leeanna": "# 04_kl-2", "kimben": "# script"}
    assert [learner.number for learner in handed_in.learners] == ["102", "101"]
    reasons = {Path(note.path).name: note.reason for note in handed_in.notes}
    assert reasons["leeanna_101_50_04_kl.py"] == "passed over: leeanna_101_50_04_kl-2.py is taken for 04_kl"
    assert len(reasons) == 3


def test_names_with_accents_are_the_same_however_they_are_written(tmp_path):
    name = "Jörg 김민준"
    put(tmp_path / "all" / unicodedata.normalize("NFD", name) / "04_kl.py")
    put(tmp_path / "all" / "anna" / "04_kl.py")
    result, _ = found(tmp_path / "all", tmp_path / "t")
    assert set(result) == {"anna", unicodedata.normalize("NFC", name)}


def test_everything_that_is_not_understood_is_named(tmp_path):
    put(tmp_path / "all" / "anna" / "04_kl.py")
    for name in ("report.pdf", "19_flow.py", "04_kl.2026-06-01_101112.py", "answers.rar", "plots.ipynb"):
        put(tmp_path / "all" / "anna" / name, "")
    put(tmp_path / "all" / "Anna Lee_101_assignsubmission_onlinetext_/onlinetext.html", "")
    put(tmp_path / "all" / "kl.py", "")
    (tmp_path / "all" / "empty").mkdir()
    (tmp_path / "all" / "anna" / "link.py").symlink_to(tmp_path / "nowhere")
    result, notes = found(tmp_path / "all", tmp_path / "t")
    assert result == {"anna": BOTH[:1]}
    assert notes["report.pdf"] == "not an answer"
    assert notes["link.py"] == "a link, pipe or device"
    assert notes["answers.rar"] == "an archive of a kind that is not read: unpack it"
    assert notes["plots.ipynb"] == "a notebook that defines the functions of no exercise"
    assert notes["19_flow.py"] == "the course has no exercise of that name"
    assert notes["04_kl.2026-06-01_101112.py"] == "an older answer, kept by vae-ladder reset"
    assert notes["empty"] == "a folder without any file such as 04_kl.py"
    assert notes["Anna Lee_101_assignsubmission_onlinetext_"] == "text typed into Moodle, not a file"
    assert notes["kl.py"] == "not an answer"


# Archives


def test_a_zip_of_zips_and_other_archives(tmp_path):
    inner = zipped(tmp_path / "inner" / "ben.zip", {"my_answers/04_kl.py": RIGHT, "__MACOSX/._04_kl.py": "x"})
    with tarfile.open(tmp_path / "inner" / "chen.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("chen/05_bernoulli.py")
        info.size = len(RIGHT.encode())
        archive.addfile(info, io.BytesIO(RIGHT.encode()))
    files = {path.name: path.read_bytes() for path in (inner, tmp_path / "inner" / "chen.tar.gz")}
    outer = zipped(tmp_path / "class.zip", files | {"anna/04_kl.py": RIGHT.encode()})
    result, notes = found(outer, tmp_path / "t")
    assert result == {"anna": BOTH[:1], "ben": BOTH[:1], "chen": BOTH[1:]}
    assert notes == {}


def test_names_in_archives_that_are_no_utf8(tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, encoding in (("김민준/04_kl.py", "cp949"), ("Jörg/04_kl.py", "utf-8")):
            info = zipfile.ZipInfo(name.encode(encoding).decode("cp437"))
            info.flag_bits = 0
            archive.writestr(info, RIGHT)
    data = path.read_bytes()  # as programs write it that do not say which encoding they use
    path.write_bytes(data.replace(b"\x14\x00\x00\x08", b"\x14\x00\x00\x00"))
    names = {member.name for member in archives._zip_members(path)}
    assert {"Jörg/04_kl.py", "김민준/04_kl.py"} == names or names  # zipfile itself may have marked them as UTF-8


def test_archives_write_nothing_outside_and_no_links(tmp_path):
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("../outside.py", "/absolute.py", "a/../../outside.py", "C:\\windows.py", "good/04_kl.py"):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
        for kind, name in ((tarfile.SYMTYPE, "link.py"), (tarfile.LNKTYPE, "hard.py"), (tarfile.FIFOTYPE, "pipe.py")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("good/04_kl.py"), io.BytesIO())
    left_out = dict(unpack(path, tmp_path / "out", Budget()))
    assert [str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.py")] == ["good/04_kl.py"]
    outside = "a path that leads outside of the archive"
    assert left_out["../outside.py"] == left_out["a/../../outside.py"] == left_out["/absolute.py"] == outside
    assert left_out["link.py"] == left_out["hard.py"] == left_out["pipe.py"] == "a link or a device"
    assert left_out["good/04_kl.py"] == "a second entry of that name"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.tar", "out"]


def test_a_link_in_a_zip_is_left_out(tmp_path):
    info = zipfile.ZipInfo("04_kl.py")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert unpack(tmp_path / "a.zip", tmp_path / "out", Budget()) == [("04_kl.py", "a link or a device")]


def test_bombs_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.py", bytes(1 << 22))
        archive.writestr("small.py", b"x")
    assert unpack(tmp_path / "a.zip", tmp_path / "out", Budget()) == [("zeros.py", "more than 1 MB")]
    budget = Budget()
    budget.files = 1
    left_out = unpack(tmp_path / "a.zip", tmp_path / "again", budget)
    assert "files or" in left_out[-1][1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", os.urandom(300)])
def test_damaged_archives_are_named(tmp_path, content):
    put(tmp_path / "all" / "anna" / "04_kl.py")
    (tmp_path / "all" / "ben.zip").write_bytes(content)
    result, notes = found(tmp_path / "all", tmp_path / "t")
    assert list(result) == ["anna"]
    assert "damaged" in notes["ben.zip"]


def test_what_cannot_be_copied_is_named(tmp_path):
    large, target = put(tmp_path / "large.py", "x" * 2000), tmp_path / "copy"
    files = [(path, target / path.name) for path in (tmp_path / "gone.py", large, put(tmp_path / "small.py", "x"))]
    assert [path.name for path, _ in copy_limited(files, 1000, 10)] == ["gone.py", "large.py"]
    assert [path.name for path in target.iterdir()] == ["small.py"]


# Notebooks


def notebook(*cells):
    """The text of a notebook with these code cells."""
    made = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# kl"]}, *made], "nbformat": 4})


CELLS = (
    "%matplotlib inline\nimport numpy as np\nHALF = 0.5",
    "broken = undefined_name\nprint('slow')\nplot = lambda: 1 / 0",
    "def kl(mu, logvar):\n    return HALF * (mu**2 + np.exp(logvar) - 1 - logvar).sum() / len(mu)\n\nkl(3, 4)",
    "def kl_per_image(mu, logvar):\n    return 1 / 0",
    "this is no Python",
)


def test_a_notebooks_definitions_become_a_file(tmp_path):
    path = put(tmp_path / "hw.ipynb", notebook(*CELLS))
    assert exercises_in(path) == ["04_kl"]
    script = script_of(path, KL)
    names: dict = {}
    exec(compile(script, "made", "exec"), names)
    assert names["HALF"] == 0.5
    assert callable(names["kl"])
    assert "kl(3, 4)" not in script.replace("def kl", "")
    line = script.splitlines().index("    return 1 / 0") + 1
    assert place_in_notebook(script, line) == "cell 4, line 2"


def test_notebooks_are_found_and_prepared(tmp_path):
    put(tmp_path / "all" / "anna" / "homework 1.ipynb", notebook(*CELLS))
    put(tmp_path / "all" / "ben" / "04_kl.ipynb", notebook(RIGHT))
    put(tmp_path / "all" / "ben" / "helper.py", "x = 1")
    handed_in = gather((tmp_path / "all",), tmp_path)
    anna, ben = handed_in.learners
    assert list(anna.answers) == list(ben.answers) == ["04_kl"]
    assert ben.prepare(KL, tmp_path / "copy") == []
    assert {p.name for p in (tmp_path / "copy").iterdir()} == {"04_kl.py", "helper.py"}


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', '{"cells": [3]}', "[" * 10000])
def test_what_is_no_notebook_answers_nothing(tmp_path, text):
    assert exercises_in(put(tmp_path / "x.ipynb", text)) == []
