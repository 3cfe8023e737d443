"""Notebooks: each is built from a script, run from top to bottom, and stored with its output.

    python -m tools.notebooks                     builds all of them
    python -m tools.notebooks numpy_impl/tour     builds some

`tools/notebook_sources/FOLDER/NAME.py`, with a line `# %%` before every cell (jupytext's percent format), becomes
`FOLDER/NAME.ipynb`. The scripts have a folder of their own because a notebook may import every rung, which the rungs'
packages may not. In a script, @REPOSITORY@ is the project's address and @COLAB@ that of the notebook on Colab. Times,
random cell ids and names of the machine are left out, so that a new build changes only what has changed.
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


def sources() -> list[Path]:
    """The scripts of all notebooks."""
    return sorted(SOURCES.glob("*/*.py"))


def notebook_of(source: Path) -> Path:
    """The path of a script's notebook."""
    return CHECKOUT / source.relative_to(SOURCES).with_suffix(".ipynb")


def build(source: Path) -> Path:
    """Make a script's notebook, run it, and write it; return its path."""
    notebook, path = read(source), notebook_of(source)
    run(notebook, path.parent)
    write_text(path, nbformat.writes(notebook) + "\n")
    return path


def read(source: Path) -> NotebookNode:
    """The notebook of a script, not yet run: its cells, without metadata of the machine."""
    notebook = jupytext.reads(with_addresses(source), fmt="py:percent")
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"  # jupytext's are random
    return notebook


def with_addresses(source: Path) -> str:
    """A script's text with the addresses of the project and of the notebook on Colab filled in."""
    path = notebook_of(source).relative_to(CHECKOUT).as_posix()
    colab = REPOSITORY.replace("https://github.com", "https://colab.research.google.com/github")
    text = source.read_text(encoding="utf-8")
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


def in_step(source: Path) -> bool:
    """Whether a script's notebook exists and has the script's cells."""
    path = notebook_of(source)
    return path.is_file() and cells(nbformat.read(path, as_version=4)) == cells(read(source))


def main(names: list[str]) -> None:
    """Build the notebooks of these names, such as `numpy_impl/tour`, or all."""
    known = {source.relative_to(SOURCES).with_suffix("").as_posix(): source for source in sources()}
    for name in names or known:
        if name not in known:
            raise InputError(f"notebook: expected one of {', '.join(known)}, got {name!r}")
        path = build(known[name])
        print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
