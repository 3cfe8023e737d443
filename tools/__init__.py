"""For the authors of the project, never installed: links, tables, notebooks, translations, recordings, mistakes."""

import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
"""The project's root."""
REPOSITORY: str = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Repository"]
"""The repository's address, written in pyproject.toml alone: badges, clone lines and Colab links are made from it."""
