"""What a page promises beside its links: commands to type, examples that print what they say, code that is quoted."""

import ast
import contextlib
import doctest
import io
import re
import shlex
import textwrap
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from foundation.errors import InputError
from ladder.cli import COMMANDS, parse
from tools import CHECKOUT
from tools.links import line_of, links_of, names_code

BLOCK = re.compile(r"^(```+)(\w*)[^\n]*\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!\$)\$([^$\n]+)\$(?!\$)")
SHELL = ("", "sh", "bash", "shell")
PROGRAMS = (
    "vae-ladder",
    "make",
    "python",
    "pip",
    "pytest",
    "torchrun",
    "git",
    "cd",
    "source",
    ".venv\\Scripts\\activate",
)

RUN = {"start": [], "read": [], "progress": [], "check": [], "hint": [], "reset": [], "solution": ["--give-up"]}
"""Commands of `vae-ladder` that take no longer than a moment: run beside fresh stubs, with these options on top."""
RUN_SLOWLY = {
    "climb": ["--epochs", "1"],
    "train": ["--epochs", "1"],
    "evaluate": [],
    "figures": [],
    "explore": [],
    "parity": [],
    "gradcheck": [],
    "bench": ["--quick"],
    "grade": ["--exercises", "04"],
}
"""Commands that take longer: run with `make proofs`, with these options to make them short."""
NOT_RUN = {
    "vae-ladder experiment": "minutes or hours; tests of their own run the experiments in small",
    "vae-ladder reproduce": "minutes to days; tests/paper/test_reproductions.py makes the tables in small",
    "vae-ladder train --resume": "needs a run that was interrupted; tests/paper/test_resume.py makes one",
    "vae-ladder train codes-prior": "needs the run of a VQ-VAE; tests/paper/test_codes_prior.py makes one",
    "vae-ladder train latent-diffusion": "needs the run of a VAE; tests/paper/test_latent_diffusion.py makes one",
    "vae-ladder export": "needs a run; tests/paper/test_export.py makes one",
    "vae-ladder new-exercise": "writes into the course; tests/exercises/test_exercise_commands.py does so in a copy",
    "vae-ladder quiz": "waits for answers; tests/exercises/test_quiz.py gives them",
    "vae-ladder climb --mine": "needs answers that pass; tests/ladder/test_mine.py writes some",
    "vae-ladder parity --mine": "needs answers that pass; tests/ladder/test_mine.py writes some",
    "vae-ladder doctor": "needs a file of the reader's; tests/ladder/doctor examines many",
    "vae-ladder watch": "waits for keys; tests/exercises/test_exercise_commands.py presses them",
    "make": "its targets are this test suite, the linter, and commands that are run here without make",
    "python -m": "modules with tests of their own",
    "torchrun": "starts several processes; tests/paper/test_ddp.py does",
    "pip install": "changes the environment; that its extras exist is checked",
    "pytest": "this test suite",
    "git clone": "needs the network",
    "cd": "changes the folder",
    "source .venv/bin/activate": "changes the shell",
    ".venv\\Scripts\\activate": "changes the shell",
}
"""Beginnings of commands that are looked at, but not run, and why."""


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    start: int
    """Where in the page it begins."""


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page's text."""
    return [Block(match[2], match[3], match.start()) for match in BLOCK.finditer(page)]


def commands(page: str) -> list[str]:
    """The command lines of all blocks that begin with one, without comments and explanations beside them."""
    found = []
    for block in blocks(page):
        lines = re.sub(r"\s*\\\n\s*", " ", block.text).splitlines()
        if block.language in SHELL and lines and lines[0].split(maxsplit=1)[:1] and lines[0].split()[0] in PROGRAMS:
            found += [re.split(r"\s{2,}|\s#", line.strip())[0] for line in lines if line.strip()]
    return found


def problem_of_command(command: str) -> str:
    """Why a command line cannot be right, or nothing."""
    words = shlex.split(command.replace("\\", "/"))
    match words:
        case ["vae-ladder", ("--help" | "--version")]:
            return ""
        case ["vae-ladder", name, *arguments]:
            return _problem_of_vae_ladder(command, name, arguments)
        case ["make", *targets]:
            makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
            known = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
            missing = [target for target in targets if "=" not in target and target not in known]
            return f"{command}: the Makefile has no {missing[0]}" if missing else ""
        case ["python", "-m", module, *arguments]:
            files = [word for word in arguments if word.endswith(".py") and not (CHECKOUT / word).is_file()]
            known = module in ("venv", "pip", "pytest") or find_spec(module) is not None
            return "" if known and not files else f"{command}: there is no {files[0] if files else module}"
        case ["pip", "install", *arguments]:
            project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            named = {
                extra for word in arguments for group in re.findall(r"\[(.*?)\]", word) for extra in group.split(",")
            }
            missing = named - project["optional-dependencies"].keys()
            return f"{command}: the project has no extra {', '.join(sorted(missing))}" if missing else ""
    return "" if reason_not_run(command) else f"{command}: say in tests/support/documents.py how to look at it"


def _problem_of_vae_ladder(command: str, name: str, arguments: list[str]) -> str:
    if name not in COMMANDS:
        return f"{command}: vae-ladder has no command {name}"
    if not (name in RUN or name in RUN_SLOWLY or reason_not_run(command)):
        return f"{command}: say in tests/support/documents.py whether to run it"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            parse(name, arguments)
    except InputError as error:
        return f"{command}: {error}"
    return ""


def reason_not_run(command: str) -> str:
    """Why a command is not run, or nothing."""
    return next((reason for start, reason in NOT_RUN.items() if f"{command} ".startswith(f"{start} ")), "")


def problems_of_python(page: Path) -> list[str]:
    """What is wrong with a page's Python: quoted lines that are not in the file, examples that fail.

    A block with `>>>` is run, and must print what stands there. Another one quotes the file of the last link to a line
    in the same section; where there is none, it is run. All that are run share their names, from top to bottom.
    """
    text = page.read_text(encoding="utf-8")
    python = [block for block in blocks(text) if block.language == "python"]
    problems, names = [], {"__name__": "page"}
    for block in python:
        source = _quoted_file(page, text, block)
        if ">>> " in block.text:
            problems += _problems_of_examples(page, block, names)
        elif source is not None:
            problems += [] if _stands_in(block.text, *source) else [f"{source[0].name} does not contain\n{block.text}"]
        else:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(ast.parse(block.text), page.name, "exec"), names)
    return problems


def _quoted_file(page: Path, text: str, block: Block) -> tuple[Path, int] | None:
    """The file that a block quotes, and the line from which to look for it: that of the definition which is named."""
    prose = BLOCK.sub(lambda fenced: " " * len(fenced[0]), text)
    section = max(0, prose.rfind("\n#", 0, block.start))
    links = [link for link in links_of(page) if section <= link.match.start() < block.start]
    links = [link for link in links if re.fullmatch(r"L\d+", link.anchor)]
    if not links:
        return None
    line = line_of(links[-1]) if names_code(links[-1]) else None
    return links[-1].path, line or int(links[-1].anchor[1:])


def _stands_in(quotation: str, file: Path, line: int) -> bool:
    lines, count = file.read_text(encoding="utf-8").splitlines()[line - 1 :], len(quotation.splitlines())
    windows = ("\n".join(lines[start : start + count]) for start in range(len(lines)))
    return any(textwrap.dedent(window).strip() == quotation.strip() for window in windows)


def _problems_of_examples(page: Path, block: Block, names: dict) -> list[str]:
    line = page.read_text(encoding="utf-8").count("\n", 0, block.start) + 1
    examples = doctest.DocTestParser().get_doctest(block.text, {}, page.name, str(page), line)
    examples.globs, report = names, io.StringIO()
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=report.write, clear_globs=False)
    return [report.getvalue()] if report.getvalue() else []


def problems_of_formulas(page: str) -> list[str]:
    """What would keep GitHub from showing a formula.

    Between dollars GitHub reads Markdown first: `\\,` becomes a comma, and `}_{` twice an emphasis. In a block ```math
    it leaves both alone.
    """
    problems = []
    for formula in FORMULA.finditer(page):
        problems += ["GitHub has no \\operatorname"] * formula[1].count(r"\operatorname")
        if formula[1].count("{") != formula[1].count("}") or _count(r"\left", formula[1]) != _count(
            r"\right", formula[1]
        ):
            problems.append(f"brackets without a partner in\n{formula[0]}")
    outside = BLOCK.sub("", page)
    if "$$" in outside:
        problems.append("$$: a formula on lines of its own stands in a block ```math")
    lost = [formula[0] for formula in INLINE.finditer(outside) if re.search(r"\\[^A-Za-z\s]", formula[1])]
    return problems + [f"GitHub takes a backslash away from {formula}" for formula in lost]


def _count(macro: str, formula: str) -> int:
    return len(re.findall(rf"{re.escape(macro)}(?![a-zA-Z])", formula))
