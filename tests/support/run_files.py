"""What lies in a run folder."""

from pathlib import Path


def own_files(run: Path) -> set[str]:
    """The names in it, without the lock, which stays, and what TensorBoard adds where it is installed."""
    return {path.name for path in run.iterdir() if path.name != ".lock" and not path.name.startswith("events.")}
