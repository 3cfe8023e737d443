"""Notebooks: each is built from a script, run from top to bottom, and stored with its output.

    python -m tools.notebooks                     builds all of them
    python -m tools.notebooks numpy_impl/tour     builds some
    python -m tools.notebooks --text              writes new text around the stored outputs, and runs nothing

`tools/notebook_sources/FOLDER/NAME.py`, with a line `# %%` before every cell (jupytext's percent format), becomes
`FOLDER/NAME.ipynb`. The scripts have a folder of their own because a notebook may import every rung, which the rungs'
packages may not. `NAME.ko.py` beside a script has the Korean text of its Markdown cells, in their order: the Korean
notebook, `NAME.ko.ipynb`, has the same code and the outputs of the same run. In a script, @REPOSITORY@ is the project's
address and @COLAB@ that of the notebook on Colab. Times, random cell ids and names of the machine are left out, so that
a new build changes only what has changed.
"""

import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from foundation.errors import InputError
from foundation.files import write_text
from tools import CHECKOUT, REPOSITORY

SOURCES = CHECKOUT / "tools" / "notebook_sources"
TIME_LIMIT = 600
"""Seconds for one cell; a busy machine takes ten times as long as an idle one."""
LARGEST = 600_000
"""Bytes of a notebook at most, so that GitHub shows it."""
TRANSLATION = ".ko.py"
"""How the name of a script with the Korean text ends."""


def sources() -> list[Path]:
    """The scripts of all notebooks."""
    return sorted(path for path in SOURCES.glob("*/*.py") if not path.name.endswith(TRANSLATION))


def translation_of(source: Path) -> Path:
    """The script with the Korean text, whether it exists or not."""
    return source.with_suffix(TRANSLATION)


def languages_of(source: Path) -> list[str]:
    """The languages that a script's notebook is in."""
    return ["en", "ko"] if translation_of(source).is_file() else ["en"]


def notebook_of(source: Path, language: str = "en") -> Path:
    """The path of a script's notebook."""
    return CHECKOUT / source.relative_to(SOURCES).with_suffix(".ipynb" if language == "en" else f".{language}.ipynb")


def build(source: Path, text_only: bool = False) -> list[Path]:
    """Make a script's notebook, run it, and write it in each language; return the paths.

    With `text_only` nothing is run: the outputs are those of the stored English notebook. Raises `InputError` where
    that notebook has other code.
    """
    notebook = read(source)
    if text_only:
        take_outputs(notebook, nbformat.read(notebook_of(source), as_version=4))
    else:
        run(notebook, notebook_of(source).parent)
    for language in languages_of(source):
        written = read(source, language)
        take_outputs(written, notebook)
        write_text(notebook_of(source, language), nbformat.writes(written) + "\n")
    return [notebook_of(source, language) for language in languages_of(source)]


def take_outputs(notebook: NotebookNode, done: NotebookNode) -> None:
    """Put the outputs of a notebook that was run into one with the same code. Raises `InputError` for other code."""
    if code(notebook) != code(done):
        raise InputError("notebook: expected the code that was run, got other code; build it without --text")
    ours, theirs = ([cell for cell in one.cells if cell.cell_type == "code"] for one in (notebook, done))
    for cell, other in zip(ours, theirs, strict=True):
        cell.outputs, cell.execution_count = other.outputs, other.execution_count


def read(source: Path, language: str = "en") -> NotebookNode:
    """The notebook of a script in a language, not yet run: its cells, without metadata of the machine.

    Raises `InputError` where the Korean text has another number of cells.
    """
    notebook = jupytext.reads(with_addresses(source), fmt="py:percent")
    if language != "en":
        texts = jupytext.reads(with_addresses(source, language), fmt="py:percent").cells
        markdown = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
        if len(texts) != len(markdown) or any(text.cell_type != "markdown" for text in texts):
            path = translation_of(source).relative_to(SOURCES)
            raise InputError(f"{path}: expected {len(markdown)} Markdown cells and no other, got {len(texts)} cells")
        for cell, text in zip(markdown, texts, strict=True):
            cell.source = text.source
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"  # jupytext's are random
    return notebook


def with_addresses(source: Path, language: str = "en") -> str:
    """A script's text with the addresses of the project and of the notebook on Colab filled in."""
    path = notebook_of(source, language).relative_to(CHECKOUT).as_posix()
    colab = REPOSITORY.replace("https://github.com", "https://colab.research.google.com/github")
    script = source if language == "en" else translation_of(source)
    text = script.read_text(encoding="utf-8")
    return text.replace("@REPOSITORY@", REPOSITORY).replace("@COLAB@", f"{colab}/blob/main/{path}")


def run(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, on a new kernel, and store their outputs in the notebook.

    Raises nbclient's CellExecutionError, with the traceback, where a cell fails.
    """
    kept = notebook.metadata.copy()
    client = NotebookClient(
        notebook,
        timeout=TIME_LIMIT,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=os.environ | {"VAE_LADDER_BUILD": "1"})  # `explore` then opens no run of this machine
    notebook.metadata = kept  # without the version of Python that ran it


def cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Kind and text of every cell, without outputs."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def code(notebook: NotebookNode) -> list[str]:
    """The text of every cell of code."""
    return [text for kind, text in cells(notebook) if kind == "code"]


def in_step(source: Path, language: str = "en") -> bool:
    """Whether a script's notebook exists and has the script's cells."""
    path = notebook_of(source, language)
    return path.is_file() and cells(nbformat.read(path, as_version=4)) == cells(read(source, language))


def main(names: list[str]) -> None:
    """Build the notebooks of these names, such as `numpy_impl/tour`, or all; with `--text` without running them."""
    text_only, names = "--text" in names, [name for name in names if name != "--text"]
    known = {source.relative_to(SOURCES).with_suffix("").as_posix(): source for source in sources()}
    for name in names or known:
        if name not in known:
            raise InputError(f"notebook: expected one of {', '.join(known)}, got {name!r}")
        for path in build(known[name], text_only):
            print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
