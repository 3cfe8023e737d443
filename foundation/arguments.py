"""Command-line arguments from dataclasses: one option a field, read by argparse, with the field's docstring as help.

A nested dataclass becomes a group of options with dotted names, `--data.root`. Ours, since tyro states the reason of an
error in drawn boxes only, cyclopts cannot read generic dataclasses, and jsonargparse takes lists in JSON only.
"""

import argparse
import ast
import dataclasses
import enum
import errno
import functools
import inspect
import itertools
import os
import re
import textwrap
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from foundation.errors import InputError, shown, suggest
from foundation.language import translate, translate_lines, translate_paragraphs, wrap_text
from foundation.process import terminal_width

T = TypeVar("T")


class Place(enum.Enum):
    """How a field is given, where not by an option of its own name."""

    POSITIONAL = enum.auto()
    FLAT = enum.auto()
    HIDDEN = enum.auto()


Positional = Annotated[T, Place.POSITIONAL]
"""A field given without a name; it may be left out where it has a default."""
Flat = Annotated[T, Place.FLAT]
"""A nested dataclass whose options have no prefix."""
Hidden = Annotated[T, Place.HIDDEN]
"""A field that always has its default."""


class Option(NamedTuple):
    """Metadata of a field, in `Annotated`: what its type and name do not say."""

    metavar: str = ""
    """Placeholder of the value on the help page; by default from the type."""
    default: str | None = None
    """The default in words; by default its value. The empty text shows nothing."""
    aliases: tuple[str, ...] = ()
    """Further names, with their dashes."""


def optional(metavar: str, default: str, *aliases: str) -> Option:
    """An option that may be left out: its placeholder, and in words what happens then."""
    return Option(metavar, default, aliases)


def read_arguments(options: Any, program: str, arguments: Sequence[str], start: Any = None) -> Any:
    """The instance of the dataclass `options` that the arguments describe.

    A field may be a str, int, float, Path (see `user_path`) or Literal, one of them or None, a tuple of one of them, a
    bool with a default (a flag), or a dataclass; a generic dataclass comes with its parameters,
    `TrainOptions[VAEOptions]`. Names may be written with - or _, and values after a space or after =. `start` is an
    instance with the values of what is not given, in place of the defaults.

    Raises:
        InputError: for an argument that cannot be used, and for values that the dataclass refuses.
        TypeError: for a field of another type.
    """
    parser = _Parser(options, program)
    given, surplus = parser.parse_known_intermixed_args(parser.normalise(arguments))
    if surplus:
        raise InputError(f"unexpected argument {shown(surplus[0])}")
    try:
        instance = _ABSENT if start is None else start
        return _build(options, {name: value for name, value in vars(given).items() if value is not _ABSENT}, instance)
    except ValueError as error:
        raise InputError(str(error)) from None


def format_help(options: Any, program: str, description: str) -> str:
    """The help page of a dataclass's arguments, as wide as the terminal."""
    return translate_lines(_Parser(options, program, description).format_help())


def user_path(text: str) -> Path:
    """A path that a user wrote: `~` and `~name` become home folders.

    Raises:
        InputError: for a home folder that is not known, and for a name that no file can have.
    """
    try:
        path = Path(text).expanduser()
        os.lstat(path)
    except RuntimeError:
        raise InputError(f"expected a path, got {shown(text)}, whose home folder is not known") from None
    except ValueError:
        raise InputError(f"expected a path, got {shown(text)}, which no file can be called") from None
    except OSError as error:  # a missing or locked one is an error only for commands that read it
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
            raise InputError(f"expected a path, got {shown(text)}: {error.strerror}") from None
    return path


def docstring(options: Any) -> str:
    """The docstring of a class, without indentation; also of a generic one with its parameters."""
    return inspect.getdoc(get_origin(options) or options) or ""


# The parser

_ABSENT: Any = object()
_NEGATIVE = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)
_NEGATIVE_FOR_ARGPARSE = re.compile(r"-\d+|-\d*\.\d+")


class _HelpFormatter(argparse.HelpFormatter):
    """Breaks lines by the columns that letters take, of which Hangul has two."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap_text(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in wrap_text(" ".join(text.split()), width - len(indent)))


class _Parser(argparse.ArgumentParser):
    """An `ArgumentParser` for a dataclass; what is not given stays `_ABSENT`, errors are `InputError`."""

    def __init__(self, options: Any, program: str, description: str = "") -> None:
        super().__init__(
            program,
            description=description,
            allow_abbrev=False,
            formatter_class=lambda prog: _HelpFormatter(prog, width=terminal_width()),
        )
        self.known = ["-h", "--help"]
        usage = [program, "[OPTIONS]"]
        usage += [field.option.metavar for field in _fields(options) if field.place is Place.POSITIONAL]
        self.usage = " ".join(usage).replace("%", "%%")
        self._add_fields(self, options, _ABSENT)

    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))

    def normalise(self, arguments: Sequence[str]) -> list[str]:
        """The arguments with option names as they are known; raises `InputError` for one that is not."""
        words: list[str] = []
        for i, word in enumerate(arguments):
            if re.search("[\ud800-\udfff]", word):
                raise InputError(f"expected text in the terminal's encoding, got {shown(word)}")
            if word == "--":
                return [*words, *arguments[i:]]
            if word in ("", "-") or word[0] != "-" or _NEGATIVE_FOR_ARGPARSE.fullmatch(word):
                words.append(word)
            elif _NEGATIVE.match(word) and words and words[-1] in self.known:
                words[-1] += f"={word}"  # argparse takes -1e3 and -inf for options
            else:
                name, equals, value = word.partition("=")
                name = name.replace("_", "-")
                if name not in self.known:
                    raise InputError(f"unknown option {shown(name)}{suggest(name, self.known)}")
                words.append(name + equals + value)
        return words

    def _add_fields(self, group: Any, options: Any, instance: Any, where: str = "", prefix: str = "") -> None:
        """Add the fields of a dataclass, with the defaults of an instance where there is one."""
        for field in _fields(options):
            default = field.default if instance is _ABSENT else getattr(instance, field.name)
            if field.place is Place.HIDDEN:
                continue
            if _is_nested(field):
                inner = self.add_argument_group(
                    translate(f"{field.name} options"),
                    translate_paragraphs(field.help or docstring(field.type).partition("\n\n")[0]),
                )
                longer = prefix if field.place is Place.FLAT else f"{prefix}{field.name}."
                self._add_fields(inner, field.type, default, f"{where}{field.name}.", longer)
                continue
            settings = {"default": _ABSENT, "help": _help(field, default), **_settings(field, default)}
            if field.place is Place.POSITIONAL:
                group.add_argument(where + field.name, **settings)
                continue
            name = f"no-{field.name}" if default is True else field.name
            names = [*field.option.aliases, f"--{prefix}{name}".replace("_", "-")]
            group.add_argument(*names, dest=where + field.name, required=default is _ABSENT, **settings)
            self.known += names


def _settings(field: "_Field", default: Any) -> dict[str, Any]:
    """How argparse reads the field's values: `type`, `metavar` and `nargs`, or the action of a flag."""
    if field.type is bool and default is not _ABSENT:
        return {"action": "store_const", "const": not default}
    kind, metavar = field.type, field.option.metavar
    nargs: str | int | None = None
    read: Callable[[str], Any]
    may_be_none = types.NoneType in get_args(kind)
    if may_be_none:
        kinds = [choice for choice in get_args(kind) if choice is not types.NoneType]
        kind = kinds[0] if len(kinds) == 1 else None
    may_be_missing = field.place is Place.POSITIONAL and default is not _ABSENT
    if get_origin(kind) is tuple:
        kind, *others = get_args(kind)
        nargs = 1 + len(others) if others != [...] else "*" if may_be_missing else "+"
        if set(others) - {kind, ...}:
            kind = None
        if field.place is not Place.POSITIONAL:
            metavar = metavar.rstrip(".")  # argparse adds dots of its own
    elif may_be_missing:
        nargs = "?"
    if get_origin(kind) is Literal:
        choices = {str(value): value for value in get_args(kind)}
        read, placeholder = functools.partial(_choose, choices), f"{{{','.join(choices)}}}"
    elif kind in _READERS:
        read, placeholder = _READERS[kind]
    else:
        raise TypeError(f"{field.name}: expected a type that one option can hold, got {field.type}")

    def read_or_complain(text: str) -> Any:
        try:
            return None if may_be_none and text == "None" else read(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return {"type": read_or_complain, "metavar": metavar or placeholder, "nargs": nargs}


def _help(field: "_Field", default: Any) -> str:
    """The field's docstring and its default, as argparse wants them, which formats help texts with %."""
    words = field.option.default
    if default is _ABSENT:
        words = "" if field.place is Place.POSITIONAL else translate("required")
    elif words is None and not isinstance(default, bool):
        words = translate(f"default: {' '.join(map(str, default)) if isinstance(default, tuple) else default}")
    elif words:
        words = translate(f"default: {translate(words)}")
    text = translate(" ".join(field.help.split()))
    return (f"{text} ({words})" if words else text).replace("%", "%%")


def _build(options: Any, given: dict[str, Any], instance: Any = _ABSENT, where: str = "") -> Any:
    """The dataclass with the given values; others from an instance, or the dataclass's own defaults."""
    values = {}
    for field in _fields(options):
        name = where + field.name
        if name in given:
            values[field.name] = tuple(given[name]) if isinstance(given[name], list) else given[name]
        elif _is_nested(field):
            default = field.default if instance is _ABSENT else getattr(instance, field.name)
            values[field.name] = _build(field.type, given, default, f"{name}.")
    if instance is not _ABSENT:
        return dataclasses.replace(instance, **values)
    return (get_origin(options) or options)(**values)


# The fields of a dataclass


class _Field(NamedTuple):
    name: str
    type: Any
    help: str
    default: Any
    place: Place | None
    option: Option


def _fields(options: Any) -> list[_Field]:
    """The fields of a dataclass, inherited ones first; parameters of generic ones are filled in."""
    origin = get_origin(options) or options
    parameters = dict(zip(getattr(origin, "__parameters__", ()), get_args(options), strict=False))
    docstrings: dict[str, str] = {}
    for kind in reversed(origin.__mro__):
        docstrings |= _docstrings(kind)
    hints, found = get_type_hints(origin, include_extras=True), []
    for field in dataclasses.fields(origin):
        hint = hints[field.name]
        hint, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        default = field.default_factory() if callable(field.default_factory) else field.default
        default = _ABSENT if default is dataclasses.MISSING else default
        place = next((mark for mark in metadata if isinstance(mark, Place)), None)
        option = next((mark for mark in metadata if isinstance(mark, Option)), Option())
        hint = parameters.get(hint, hint)
        found.append(_Field(field.name, hint, docstrings.get(field.name, ""), default, place, option))
    return found


def _is_nested(field: _Field) -> bool:
    return dataclasses.is_dataclass(get_origin(field.type) or field.type)


@functools.cache
def _docstrings(kind: type) -> dict[str, str]:
    """The string under each annotated name of a class; nothing where its source cannot be had."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError):
        return {}
    found = {}
    for statement, after in itertools.pairwise(getattr(tree, "body", [])):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found


# Values


def _choose(choices: dict[str, Any], text: str) -> Any:
    if text not in choices:
        raise InputError(f"expected one of {', '.join(choices)}, got {shown(text)}{suggest(text, choices)}")
    return choices[text]


def _number(kind: type, words: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"expected {words}, got {shown(text)}") from None


_READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    str: (str, "TEXT"),
    int: (functools.partial(_number, int, "an integer"), "INT"),
    float: (functools.partial(_number, float, "a number"), "FLOAT"),
    Path: (user_path, "PATH"),
}
