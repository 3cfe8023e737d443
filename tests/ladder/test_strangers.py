"""Files from a stranger: whatever a file holds, a command says in one line what is wrong with it, or reads it right.

The hostile files are drawn by a seed (`tests.support.mutations`) and read by the commands in a process of its own, with
limits (`tests.support.stranger`): none is taken though it is wrong, gives other numbers in silence, ends in a
traceback, takes 10 s of the processor or 500 MB. The default run reads a lean share of each kind; `slow` reads all.
"""

import collections
import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.support.mutations import CHANGES, mutate
from tests.support.stranger import READINGS

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux to measure memory")

WHOLE, LEAN = 300, 10
"""Files of each kind."""


def read(*shares: str) -> list[dict[str, Any]]:
    """How each reading ended. A process that dies is started again behind the file that it died of."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    left, found = list(shares), []
    while left:
        command = [sys.executable, "-m", "tests.support.stranger", *left]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found += [line for line in lines if "outcome" in line]
        if done.returncode == 0:
            break
        assert lines, done.stderr[-2000:]
        last = lines[-1]
        if "outcome" not in last:
            found.append(last | {"outcome": f"LOUD: died, exit code {done.returncode}"})
        kinds = [share.partition(":")[0] for share in left]
        left = left[kinds.index(last["kind"]) :]
        _, first, count = left[0].split(":")
        rest = int(first) + int(count) - last["case"] - 1
        left = ([f"{last['kind']}:{last['case'] + 1}:{rest}"] if rest else []) + left[1:]
    return found


def assert_right(results: list[dict[str, Any]], count: int) -> None:
    """Every file was refused in one line, or read right."""
    assert len(results) == count
    bad = [result for result in results if result["outcome"].partition(":")[0] not in ("refused", "right", "other")]
    assert not bad, json.dumps(bad, indent=1)


def test_a_few_hostile_files_of_each_kind() -> None:
    by_kind = collections.defaultdict(list)
    for result in read(*(f"{kind}:0:{LEAN}" for kind in READINGS)):  # in one process: torch's start takes longest
        by_kind[result["kind"]].append(result)
    for kind in READINGS:
        assert_right(by_kind[kind], LEAN)


@pytest.mark.slow
@pytest.mark.parametrize("kind", READINGS)
def test_every_hostile_file(kind: str) -> None:
    results = read(f"{kind}:0:{WHOLE}")
    assert_right(results, WHOLE)
    outcomes = collections.Counter(result["outcome"].partition(":")[0] for result in results)
    assert outcomes["refused"] > WHOLE / 4 or kind == "cache"  # whose files are made anew instead
    print(kind, dict(outcomes), "s", max(r["seconds"] for r in results), "MB", max(r["MB"] for r in results))


def test_the_same_seed_draws_the_same_files() -> None:
    blob = b'{"a": [1, 2, {"b": "text"}], "c": null}'
    assert set(CHANGES) == set(READINGS) - {"gone"}  # which files of a folder are there is drawn by `lacking`
    for number in range(20):
        one, other = mutate("config", number, blob), mutate("config", number, blob)
        assert (one.what, one.wrong) == (other.what, other.wrong)
    assert len({mutate("config", number, blob).what for number in range(50)}) > 25
