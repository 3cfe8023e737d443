"""`python -m exercises.class [FOLDER]` makes the slides, by default in build/class; those in Korean in a folder ko.

Those of the longer plan are in a folder long, in the same way.
"""

import sys
from pathlib import Path

from foundation.errors import InputError


def main(arguments: list[str]) -> int:
    """Build the slides, and print the paths of the files; returns the exit code."""
    try:
        from .build import build
    except ModuleNotFoundError as missing:
        if missing.name != "typst":
            raise
        print('slides: typst is not installed; pip install -e ".[slides]" installs it', file=sys.stderr)
        return 2
    try:
        for path in build(Path(arguments[0]) if arguments else Path("build/class")):
            print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
