"""Whether every file under a folder is whole, as its own reader sees it, and no temporary file is left."""

import csv
import json
from pathlib import Path

import safetensors.numpy
from PIL import Image

from foundation.files import LEFTOVER


def assert_whole(folder: Path) -> None:
    """Every file can be read to its end."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert not LEFTOVER.fullmatch(path.name), f"{path}: a temporary file stayed behind"
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".jsonl":
            text = path.read_text(encoding="utf-8")
            assert text.endswith("\n") or not text, f"{path}: its last line is cut"
            for line in text.splitlines():
                json.loads(line)
        elif path.suffix == ".safetensors":
            safetensors.numpy.load_file(path)
        elif path.suffix in (".png", ".gif", ".webp"):
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), f"{path}: cut"
        elif path.suffix == ".csv":
            rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
            assert len({len(row) for row in rows}) == 1, f"{path}: a row is cut"
