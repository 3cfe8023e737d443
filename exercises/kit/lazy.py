"""Modules that are imported at their first use: torch takes seconds to import, and may not be installed at all."""

import importlib
from typing import Any


class Lazy:
    """A module by its name; an attribute of it is looked up where it is used.

    Exercises for rungs 2 and 3 hold their solutions and mistakes by it: they can be listed, and their pages read, on a
    machine without torch.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)

    def __repr__(self) -> str:
        return f"<{self._name}, imported when needed>"
