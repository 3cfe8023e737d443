"""Where an answer's process runs under `vae-ladder grade`, and what it finds there.

It finds Python with its packages, a copy of those modules of the course that an answer may import, without the
functions that are the solution, and a copy of its own folder. Under Linux that is all it finds: `confine` says how.
"""

import ast
import dataclasses
import functools
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from exercises.kit import confine
from exercises.kit.catalogue import COURSE, Entry, is_checkout
from exercises.kit.exercise import Exercise
from exercises.kit.runner import START
from foundation.errors import InputError

Names = set[tuple[str, str]]
"""(module, name) pairs."""
CHOICES = ("auto", "require", "none")
PACKAGES = ("exercises", "figures", "foundation", "ladder", "numpy_impl", "paper", "pytorch_lowlevel", "tools")
"""The packages of the course. Where they lie beside others, as in an installation, they are hidden."""
REPOSITORY = (".git", "build", "notebooks", "tests")
GIVEN_PACKAGES = ("foundation", "numpy_impl")
GIVEN_MODEL = re.compile(r"exercises\.model(\.(pictures(\.\w+)?|load_\w+|Model|CLASSES))?")
"""What the pages of the first exercises use; the linear model beside it is a part of solutions."""
GIVEN_KIT = re.compile(r"exercises\.kit\.tensors(\.(tensors|differentiated))?")
"""What the stubs of exercises on tensors use."""
KIT = ("confine.py", "frames.py", "runner.py", "tensors.py")
SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache", "/etc/localtime")
DISK_MEGABYTES, FILE_MEGABYTES, PROCESSES = 64, 32, 64
TRIAL = "import statistics, numpy.polynomial\n"
"""The answer by which a sandbox is tried: Python and its packages must be within reach."""
NOTEBOOK_CHECK = '''"""The course's package, as an answer finds it."""


def check(exercise, **functions):
    """Does nothing: the answer is being graded."""
'''


@dataclasses.dataclass(frozen=True)
class Sandbox:
    """One kind of confinement: "bubblewrap", "namespaces", "user" (another one, where root grades) or "none"."""

    kind: str

    def promise(self) -> str:
        """What it keeps an answer from, in one line."""
        if self.kind == "none":
            return "no sandbox: answers run with your rights, and can read and write your files"
        if self.kind == "user":
            return "no sandbox: answers run as another user, and can read what every user may, the solutions included"
        return f"sandbox: {self.kind}; an answer sees Python and its own files alone, and no network"


def choose(choice: str) -> Sandbox:
    """The best confinement that this machine has, or none. Raises InputError where one is required and not there."""
    if choice not in CHOICES:
        raise InputError(f"--sandbox: expected one of {', '.join(CHOICES)}, got {choice!r}")
    if choice == "none":
        return Sandbox("none")
    for kind in ("bubblewrap", "namespaces"):
        sandbox = Sandbox(kind)
        if sys.platform == "linux" and works(sandbox):
            return sandbox
    if choice == "auto" and sys.platform == "linux" and os.geteuid() == 0 and works(Sandbox("user")):
        return Sandbox("user")
    if choice == "require":
        raise InputError(
            "--sandbox require: expected bubblewrap, or Linux with user namespaces, found neither; "
            "exercises/class/README.md says how to grade in a container"
        )
    return Sandbox("none")


def works(sandbox: Sandbox) -> bool:
    """Whether a process can be started in it, tried with an answer that does nothing."""
    if sandbox.kind == "bubblewrap" and shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="vae-ladder-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        (folder / "answers").mkdir()
        (folder / "answers" / "nothing.py").write_text(TRIAL, encoding="utf-8")
        course = course_for(None, folder / "course")
        place = Place(sandbox, folder, folder / "answers", course)
        command, environment = place.command("nothing.py", [], 60.0, 1024)
        try:
            done = subprocess.run(
                command, env=environment, cwd=place.working_directory, input=b"", capture_output=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0 and b'"functions"' in done.stdout


@dataclasses.dataclass(frozen=True)
class Place:
    """The folders of one answer: a copy of what was handed in, and the course's copy."""

    sandbox: Sandbox
    folder: Path
    """A temporary folder for this answer alone."""
    files: Path
    """The copy of the answer's folder."""
    course: Path
    shown: tuple[str, ...] = ()
    """Further folders and files that the process may read."""
    hides_course: bool = True
    """Whether the course's packages are hidden where they are installed among others."""

    @property
    def working_directory(self) -> Path:
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        scratch.chmod(0o777)
        return scratch

    @property
    def is_apart(self) -> bool:
        """Whether the answer has a file system of its own."""
        return self.sandbox.kind in ("bubblewrap", "namespaces")

    def command(
        self, answer: str, functions: list[str], seconds: float, megabytes: int
    ) -> tuple[list[str], dict[str, str]]:
        """The command that starts the answer's process, and its whole environment."""
        task = {"answer": answer, "functions": functions, "seconds": seconds, "hidden": [str(COURSE.parent)]}
        return self.start(START.format(course=str(self.course)), task, megabytes)

    def start(self, program: str, task: dict[str, Any], megabytes: int) -> tuple[list[str], dict[str, str]]:
        """The command that runs a Python program in the sandbox, and its whole environment.

        The program finds as its first argument the task as JSON, with "working_directory" and with "confinement",
        which it gives to `confine.enter` before it runs anything of a stranger's.
        """
        kind = self.sandbox.kind
        home = confine.SCRATCH if self.is_apart else str(self.working_directory)
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        confinement = {
            "kind": kind,
            "root": str(root),
            "binds": self._binds(),
            "links": links(),
            "masks": masks() if self.hides_course else [],
            "course": str(self.course),
            "files": str(self.files),
            "answers": confine.ANSWERS if self.is_apart else str(self.files),
            "megabytes": megabytes,
            "disk_megabytes": DISK_MEGABYTES,
            "file_megabytes": FILE_MEGABYTES,
            "processes": PROCESSES,
        }
        task = task | {"confinement": confinement, "working_directory": home}
        python = [sys.executable, "-c", program, json.dumps(task)]
        return (self._bubblewrap(python) if kind == "bubblewrap" else python), clean_environment(home)

    def _binds(self) -> list[str]:
        """What the process sees of the system: folders first that hold others."""
        return [*binds(), *(path for path in sorted(self.shown) if not _is_inside(path, binds()))]

    def _bubblewrap(self, python: list[str]) -> list[str]:
        """The same by bubblewrap, which makes the namespaces and mounts the files."""
        found = shutil.which("bwrap") or "bwrap"
        command = [found, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        command += ["--uid", "1000", "--gid", "1000"]
        size = ["--size", str(DISK_MEGABYTES << 20)] if "--size" in _bubblewrap_help() else []
        for path in (confine.SCRATCH, "/tmp"):
            command += [*size, "--tmpfs", path]
        for link, target in links():
            command += ["--symlink", target, link]
        for path in self._binds():
            command += ["--ro-bind", path, path]
        for path in masks() if self.hides_course else []:
            command += ["--tmpfs", path, "--remount-ro", path]
        command += ["--ro-bind", str(self.course), str(self.course), "--bind", str(self.files), confine.ANSWERS]
        return [*command, "--dev", "/dev", "--proc", "/proc", "--chdir", confine.SCRATCH, *python]


@functools.cache
def _bubblewrap_help() -> str:
    return subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False).stdout


def clean_environment(home: str) -> dict[str, str]:
    """The environment of an answer: nothing of the teacher's but where the user's own packages lie."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PATH": os.defpath,
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }


# Files


@functools.cache
def binds() -> list[str]:
    """The folders and files that Python needs, none inside another."""
    wanted = [*SYSTEM, sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix]
    wanted += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    existing = sorted({path for path in wanted if os.path.exists(path) and not os.path.islink(path)})
    return [path for path in existing if not _is_inside(path, [other for other in existing if other != path])]


def _is_inside(path: str, folders: list[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


@functools.cache
def links() -> list[tuple[str, str]]:
    """The links among them, such as /lib, which leads to usr/lib on most systems."""
    return [(path, os.readlink(path)) for path in SYSTEM if os.path.islink(path)]


@functools.cache
def masks() -> list[str]:
    """The course's packages, and its repository, where they lie in a folder that an answer sees."""
    places = [Path(path) for path in {*sys.path, str(COURSE.parent)} if path]
    packages = [place / name for place in places for name in PACKAGES if (place / name).is_dir()]
    packages += [COURSE.parent / name for name in REPOSITORY if is_checkout() and (COURSE.parent / name).is_dir()]
    return sorted({str(path) for path in packages if any(path.is_relative_to(bound) for bound in binds())})


# The course's copy


def hidden_functions(exercise: Exercise) -> Names:
    """(module, name) of every function of the course that is the solution of an exercise, or that it calls."""
    functions = [*exercise.solution.values(), *exercise.source_functions()]
    return {(function.__module__, function.__name__) for function in functions if hasattr(function, "__name__")}


def given_names(entry: Entry) -> Names:
    """(module, name) of everything that the stub imports from the course for its author's use."""
    tree = ast.parse(entry.stub.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {(node.module or "", alias.name) for node in imports for alias in node.names}
    return {(module, name) for module, name in names if module.partition(".")[0] in PACKAGES}


def course_for(entry: Entry | None, folder: Path) -> Path:
    """Copy what an answer to this exercise may import; of it, the solution's functions are left out."""
    hidden = hidden_functions(entry.load()) - given_names(entry) if entry is not None else set()
    root = COURSE.parent
    (folder / "exercises" / "kit").mkdir(parents=True)
    (folder / "exercises" / "__init__.py").write_text(NOTEBOOK_CHECK, encoding="utf-8")
    (folder / "exercises" / "kit" / "__init__.py").touch()
    for name in KIT:
        shutil.copyfile(COURSE / "kit" / name, folder / "exercises" / "kit" / name)
    if entry is None:
        return folder
    files = {_module_of(path): path for package in GIVEN_PACKAGES for path in sorted((root / package).rglob("*.py"))}
    texts = without({module: path.read_text(encoding="utf-8") for module, path in files.items()}, hidden)
    for module, path in files.items():
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(texts[module], encoding="utf-8")
    if "exercises.model" in entry.page.read_text(encoding="utf-8"):
        (folder / "exercises" / "model").mkdir()
        for path in [COURSE / "model" / "__init__.py", *(COURSE / "model").glob("*.safetensors")]:
            shutil.copyfile(path, folder / path.relative_to(root))
    return folder


def _module_of(path: Path) -> str:
    return ".".join(path.relative_to(COURSE.parent).with_suffix("").parts).removesuffix(".__init__")


@dataclasses.dataclass(frozen=True)
class Statement:
    """One statement of a module: the names that it defines there, and those that it uses, of any module."""

    node: ast.stmt
    defines: Names
    uses: Names


def without(texts: dict[str, str], hidden: Names) -> dict[str, str]:
    """Modules, by name, without these functions, and without all that uses them in any of the modules."""
    statements = {module: _statements(module, text) for module, text in texts.items()}
    gone = {(module, name) for module, name in hidden if module in texts}
    while more := {name for body in statements.values() for one in body for name in _lost(one, gone)} - gone:
        gone |= more
    return {module: _cut(texts[module], statements[module], gone) for module in texts}


def _statements(module: str, text: str) -> list[Statement]:
    body = ast.parse(text).body
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return [Statement(node, _defines(node, module), _uses(node, module, modules)) for node in body]


def _defines(node: ast.stmt, module: str) -> Names:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {(module, node.name)}
    if isinstance(node, ast.ImportFrom):
        return {(module, alias.asname or alias.name) for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {(module, target.id) for target in targets if isinstance(target, ast.Name)}


def _uses(node: ast.stmt, module: str, modules: dict[str, str]) -> Names:
    used: Names = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            used.add((module, inner.id))
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in modules:
            used.add((modules[inner.value.id], inner.attr))
    return used


def _lost(statement: Statement, gone: Names) -> Names:
    """The names that a statement defines, and cannot where these are gone."""
    node = statement.node
    if isinstance(node, ast.ImportFrom):
        (module, _), *_ = statement.defines
        return {(module, alias.asname or alias.name) for alias in node.names if (node.module, alias.name) in gone}
    return statement.defines if statement.uses & gone else set()


def _cut(text: str, statements: list[Statement], gone: Names) -> str:
    """The text without the statements that define or use what is gone, on the same lines."""
    lines = text.splitlines()
    for statement in statements:
        node, kept = statement.node, ""
        if not (statement.defines | statement.uses) & gone:
            continue
        if isinstance(node, ast.ImportFrom):
            lost = {name for _, name in _lost(statement, gone)}
            names = [alias for alias in node.names if (alias.asname or alias.name) not in lost]
            kept = ast.unparse(ast.ImportFrom(node.module, names, node.level)) if names else ""
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        last = node.end_lineno or first
        lines[first - 1 : last] = [kept, *[""] * (last - first)]
    return "\n".join(lines) + "\n"


# Submissions that import the solution


def imported_solution(text: str, entry: Entry, exercise: Exercise) -> list[str]:
    """What a file imports of the solution, or of modules that hold it, as "numpy_impl.vae_numpy.kl_divergence".

    Found by reading: the file is not run. Names inside texts, as for importlib, count as well. A file that cannot be
    parsed imports nothing.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    hidden = hidden_functions(exercise) - given_names(entry)
    found = list(_imports(tree, lambda module, name: _is_solution(module, name, hidden, given_names(entry))))
    return sorted(dict.fromkeys(found))


def _is_solution(module: str, name: str, hidden: Names, given: Names) -> bool:
    top = module.partition(".")[0]
    if top not in PACKAGES or (module, name) in given:
        return False
    if top in ("exercises", "tools"):
        path = f"{module}.{name}".rstrip(".")
        given_paths = any(pattern.fullmatch(path) for pattern in (GIVEN_MODEL, GIVEN_KIT))
        return path not in ("exercises", "exercises.check") and not given_paths
    if top not in GIVEN_PACKAGES:
        return True  # the other rungs hold the same functions in other clothes
    return (module, name) in hidden or (name == "*" and any(where == module for where, _ in hidden))


def _imports(tree: ast.Module, is_solution: Callable[[str, str], bool]) -> Iterator[str]:
    modules: dict[str, str] = {}  # by the name that the file gives them
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else ""
                if is_solution(alias.name, ""):
                    yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if is_solution(node.module, alias.name) or is_solution(f"{node.module}.{alias.name}", ""):
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Constant):
            text = node.value if isinstance(node.value, str) else ""
            yield from [text] if _is_module(text) and is_solution(text, "") else []
    for node in ast.walk(tree):
        module = _dotted(node.value, modules) if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Attribute) and module and is_solution(module, node.attr):
            yield f"{module}.{node.attr}"


def _is_module(text: str) -> bool:
    """Whether a text is a module's name with a dot in it, as for importlib."""
    return "." in text and all(re.fullmatch(r"\w+", part) for part in text.split("."))


def _dotted(node: ast.expr, modules: dict[str, str]) -> str:
    """The module that an expression such as `F` or `numpy_impl.functional` means, or nothing."""
    if isinstance(node, ast.Name) and node.id in modules:
        return modules[node.id] or node.id
    if isinstance(node, ast.Attribute) and (inner := _dotted(node.value, modules)):
        return f"{inner}.{node.attr}"
    return ""
