"""Tables of results: from rows of numbers to text, for a terminal and in Markdown."""

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
    """The value of a row under `key`, followed by ± and its value under `key_sd` or `key_se`, if it has one."""

    key: str
    head: str
    digits: int = 2


Columns = Sequence[Column]
SPREADS = {
    "sd": "±: standard deviation over the seeds",
    "se": "±: standard error over the test images",
    "error": "±: standard error over the test images and the seeds",
}
"""The meaning of ±, by the end of the key."""
EMPTY = "·"


def over_seeds(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means over several seeds, and sample standard deviations: "loss", "loss_sd"."""
    found = {}
    for key in numbers[0]:
        several = [one[key] for one in numbers]
        found[key] = statistics.fmean(several)
        if len(several) > 1:
            found[f"{key}_sd"] = statistics.stdev(several)
    return found


def over_images(values: Mapping[str, Float[Tensor, " N"]]) -> dict[str, float]:
    """Means over the images, and their standard errors: "loss", "loss_se"."""
    found = {}
    for key, each in values.items():
        found[key] = each.mean().item()
        found[f"{key}_se"] = (each.std() / math.sqrt(len(each))).item()
    return found


def rows_of(columns: Columns, rows: Sequence[Row]) -> list[Row]:
    """The rows of the table with these columns: those that have the first one."""
    return [row for row in rows if columns[0].key in row]


def cells(columns: Columns, rows: Sequence[Row]) -> list[list[str]]:
    """The table's text, row by row."""
    return [[cell(row, column.key, column.digits) for column in columns] for row in rows_of(columns, rows)]


def cell(row: Row, key: str, digits: int = 2) -> str:
    """The value of a row with its spread, if it has one: "1.20 ± 0.10"."""
    value = row.get(key)
    if value is None:
        return EMPTY
    if isinstance(value, str):
        return value
    numbers = [value, *(row[f"{key}_{end}"] for end in SPREADS if f"{key}_{end}" in row)]
    return with_minus(" ± ".join(f"{number:,.{digits}f}" for number in numbers))


def difference(one: Row, other: Row, key: str, digits: int = 2) -> str:
    """The value of one row minus that of another, with the standard deviation of the difference over the seeds."""
    found = {key: one[key] - other[key]}
    if f"{key}_sd" in one and f"{key}_sd" in other:
        found[f"{key}_sd"] = math.hypot(one[f"{key}_sd"], other[f"{key}_sd"])
    return cell(found, key, digits)


def with_minus(text: str) -> str:
    """Replaces the hyphen of each negative number by a minus sign."""
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def caption(title: str, columns: Columns, rows: Sequence[Row]) -> str:
    """The title, what was measured, and the meaning of ± where the table has any."""
    ends = [end for end in SPREADS if any(f"{column.key}_{end}" in row for row in rows for column in columns)]
    counts = dict.fromkeys((row["images"], row["images_of"]) for row in rows if "images" in row)
    return "; ".join([title, *(measured_images(*count) for count in counts), *(SPREADS[end] for end in ends)])


def measured_images(count: int, total: int) -> str:
    """How many of the test images a table's numbers are measured on."""
    if count == total:
        return f"all {total:,} test images"
    return f"{count:,} of {total:,} test images, drawn at random"


def terminal(title: str, columns: Columns, rows: Sequence[Row]) -> Table:
    """The table for a terminal."""
    table = Table(title=caption(title, columns, rows_of(columns, rows)), title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column.head, justify="right" if i else "left", no_wrap=i == 0, overflow="fold")
    for row in cells(columns, rows):
        table.add_row(*row)
    return table


def markdown(title: str, columns: Columns, rows: Sequence[Row]) -> str:
    """The table in Markdown: its caption, then the table, numbers aligned to the right."""
    head = [column.head for column in columns]
    table = markdown_table(head, cells(columns, rows), numbers=len(head) - 1)
    return f"{caption(title, columns, rows_of(columns, rows))}\n\n{table}"


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> str:
    """A Markdown table; the last `numbers` columns are aligned to the right. A bar, as in p(x|z), is escaped.

    Raises `ValueError` for a row that is longer or shorter than the header.
    """
    head, *body = [[cell.replace("|", r"\|") for cell in line] for line in (header, *rows)]
    if any(len(line) != len(head) for line in body):
        raise ValueError(f"rows: expected {len(head)} cells like the header, got {[len(line) for line in body]}")
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *body))
