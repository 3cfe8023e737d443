"""The notebooks: each is built from a script, run from top to bottom, and kept with what it printed and drew.

    python -m tools.notebooks                     build all of them
    python -m tools.notebooks numpy_impl/tour     or some

`tools/notebook_sources/FOLDER/NAME.py`, with a line `# %%` before every cell (jupytext's percent format), becomes
`FOLDER/NAME.ipynb`. The scripts have a folder of their own because a notebook may import every rung, which the rungs'
packages may not. What differs from run to run by itself is left out: a new build changes only what has changed.
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

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCES = CHECKOUT / "tools" / "notebook_sources"
REPOSITORY = "https://github.com/vae-ladder/vae-ladder"
TIME_LIMIT = 600
"""Seconds for one cell: a minute, on a machine that has ten other things to do."""
LARGEST = 600_000
"""Bytes of a notebook, so that GitHub shows it."""


def sources() -> list[Path]:
    """The scripts of all notebooks."""
    return sorted(SOURCES.glob("*/*.py"))


def notebook_of(source: Path) -> Path:
    """Where a script's notebook lies."""
    return CHECKOUT / source.relative_to(SOURCES).with_suffix(".ipynb")


def build(source: Path) -> Path:
    """Make a script's notebook, run it, and write it; where it lies."""
    notebook, path = read(source), notebook_of(source)
    run(notebook, path.parent)
    write_text(path, nbformat.writes(notebook) + "\n")
    return path


def read(source: Path) -> NotebookNode:
    """The notebook of a script, not yet run: its cells, and nothing that only this machine has."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"  # jupytext draws them by chance
    return notebook


def run(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, on a kernel of their own; the notebook gets their outputs.

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
    client.execute(env=os.environ | {"VAE_LADDER_BUILD": "1"})  # `explore` then leaves this machine's runs alone
    notebook.metadata = kept  # without the version of this Python


def cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    """What its author wrote: each cell's kind and text."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def in_step(source: Path) -> bool:
    """Whether a script's notebook exists and has the script's cells."""
    path = notebook_of(source)
    return path.is_file() and cells(nbformat.read(path, as_version=4)) == cells(read(source))


def main(names: list[str]) -> None:
    """Build the notebooks that are named, as `numpy_impl/tour`, or all."""
    known = {source.relative_to(SOURCES).with_suffix("").as_posix(): source for source in sources()}
    for name in names or known:
        if name not in known:
            raise InputError(f"notebook: expected one of {', '.join(known)}, got {name!r}")
        path = build(known[name])
        print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
