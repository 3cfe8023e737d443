"""From rows of numbers to a table: in a terminal, and in Markdown for a page."""

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtyping import Float
from rich.table import Table
from torch import Tensor

Row = Mapping[str, Any]


class Column(NamedTuple):
    """What a row has under `key`; behind ± what it has under `key_sd` or `key_se`."""

    key: str
    head: str
    digits: int = 2


Columns = Sequence[Column]
SPREADS = {"sd": "±: standard deviation over the seeds", "se": "±: standard error over the test images"}
"""What may stand behind ±, by the end of its key."""
EMPTY = "·"


def over_seeds(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """From the same numbers of several seeds their means, and their sample standard deviations: "loss", "loss_sd"."""
    found = {}
    for key in numbers[0]:
        several = [one[key] for one in numbers]
        found[key] = statistics.fmean(several)
        if len(several) > 1:
            found[f"{key}_sd"] = statistics.stdev(several)
    return found


def over_images(values: Mapping[str, Float[Tensor, " N"]]) -> dict[str, float]:
    """From numbers of every image their means, and the means' standard errors: "loss", "loss_se"."""
    found = {}
    for key, each in values.items():
        found[key] = each.mean().item()
        found[f"{key}_se"] = (each.std() / math.sqrt(len(each))).item()
    return found


def rows_of(columns: Columns, rows: Sequence[Row]) -> list[Row]:
    """The rows that belong to the table of these columns: those that have its first one."""
    return [row for row in rows if columns[0].key in row]


def cells(columns: Columns, rows: Sequence[Row]) -> list[list[str]]:
    """The table's text, row by row."""
    return [[_cell(row, column) for column in columns] for row in rows_of(columns, rows)]


def _cell(row: Row, column: Column) -> str:
    value = row.get(column.key)
    if value is None:
        return EMPTY
    if isinstance(value, str):
        return value
    numbers = [value, *(row[f"{column.key}_{end}"] for end in SPREADS if f"{column.key}_{end}" in row)]
    return with_minus(" ± ".join(f"{number:,.{column.digits}f}" for number in numbers))


def with_minus(text: str) -> str:
    """The text with a minus sign before each negative number, where formatting put a hyphen."""
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def caption(title: str, columns: Columns, rows: Sequence[Row]) -> str:
    """The title, and what ± means in this table."""
    ends = [end for end in SPREADS if any(f"{column.key}_{end}" in row for row in rows for column in columns)]
    return "; ".join([title, *(SPREADS[end] for end in ends)])


def terminal(title: str, columns: Columns, rows: Sequence[Row]) -> Table:
    """The table for a person at a terminal."""
    table = Table(title=caption(title, columns, rows_of(columns, rows)), title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column.head, justify="right" if i else "left", no_wrap=i == 0, overflow="fold")
    for row in cells(columns, rows):
        table.add_row(*row)
    return table


def markdown(title: str, columns: Columns, rows: Sequence[Row]) -> str:
    """The table for a page: a line that says what it is, then the table, numbers to the right."""
    head = [column.head for column in columns]
    table = markdown_table(head, cells(columns, rows), numbers=len(head) - 1)
    return f"{caption(title, columns, rows_of(columns, rows))}\n\n{table}"


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> str:
    """A Markdown table; the last `numbers` columns hold numbers and end at the right. A bar, as in p(x|z), stays one.

    Raises `ValueError` for a row that is longer or shorter than the header.
    """
    head, *body = [[cell.replace("|", r"\|") for cell in line] for line in (header, *rows)]
    if any(len(line) != len(head) for line in body):
        raise ValueError(f"rows: expected {len(head)} cells like the header, got {[len(line) for line in body]}")
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *body))
