"""What lies in a run folder."""

from pathlib import Path


def own_files(run: Path) -> set[str]:
    """The names in it, without what TensorBoard adds where it is installed."""
    return {path.name for path in run.iterdir() if not path.name.startswith("events.")}
