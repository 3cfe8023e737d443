"""The texts of a page that the program writes, in every language from one table in a TOML file.

A table has an entry for each text, with its words by language:

    [epochs]
    en = "{epochs} epochs in batches of {batch_size}"
    ko = "{epochs}에폭, 배치 크기 {batch_size}"

Texts may hold markup. What is filled in is escaped.
"""

import importlib.resources
import tomllib
from collections.abc import Mapping

from markupsafe import Markup

from foundation.language import LANGUAGES, language, with_particles


class PageTexts:
    """The texts of one table in one language, called by a template as `say(key, name=value)`."""

    def __init__(self, table: Mapping[str, Mapping[str, str]], name: str) -> None:
        self.table = table
        self.language = name

    def __call__(self, key: str, **values: object) -> Markup:
        """A text with its values filled in. Raises `KeyError` for a text or a value that is missing."""
        text = Markup(" ".join(self.table[key][self.language].split())).format(**values)
        return Markup(with_particles(text)) if self.language == "ko" else text


def page_texts(package: str, file: str) -> PageTexts:
    """The texts of `file` in `package`, in the language of messages."""
    return PageTexts(read_table(package, file), language())


def read_table(package: str, file: str) -> dict[str, dict[str, str]]:
    """The words of every text by language. Raises `ValueError` for an entry that lacks a language."""
    table = tomllib.loads((importlib.resources.files(package) / file).read_text("utf-8"))
    for key, words in table.items():
        if set(words) != set(LANGUAGES):
            raise ValueError(f"{file}: {key}: expected the languages {', '.join(LANGUAGES)}, got {', '.join(words)}")
    return table
