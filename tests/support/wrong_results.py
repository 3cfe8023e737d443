"""Results that a wrong answer may return: changed ones, strange objects, and objects whose own methods fail."""

import collections
import decimal
import fractions

import numpy as np


def fail(*_, **__):
    raise ZeroDivisionError("a method of the result")


class NoLength(tuple):
    __len__ = fail


class NoItems(list):
    __iter__ = fail


class NoKeys(dict):
    keys = __iter__ = __getitem__ = fail


class NoNumber(float):
    __abs__ = __format__ = __eq__ = __mul__ = __float__ = fail
    __hash__ = float.__hash__


class NoText:
    __repr__ = __str__ = __eq__ = fail
    __hash__ = object.__hash__


class NoArray:
    __array__ = fail
    shape = (3,)


class SubArray(np.ndarray):
    pass


def endless():
    nested = []
    nested.append(nested)
    return nested


def strange():
    """One of each kind; made anew, since generators are used up."""
    return [
        None, True, "text", "", b"bytes", 3 + 4j, float("nan"), float("inf"), 10**400, 2**63, fractions.Fraction(1, 3),
        decimal.Decimal("0.1"), (), [], {}, set(), object(), NoText(), NoLength((1.0,)), NoItems([1.0]), NoArray(),
        NoKeys(a=1.0), NoNumber(2.0), collections.OrderedDict(a=1.0), {1: 2}, {(1, 2): 3}, {NoText(): 1}, endless(),
        [[1, 2], [3]], [np.ones(2), None], (np.ones(2), "a"), np.matrix([[1.0, 2.0], [3.0, 4.0]]), np.ma.masked,
        np.ma.array([1.0, 2.0], mask=[False, True]), np.array("text"), np.array([None, NoText()], dtype=object),
        np.array([1 + 2j]), np.array([]), np.zeros((0, 3)), np.array(["a", "b"]), np.array(5.0),
        np.zeros(2, dtype=[("a", int), ("b", float)]), np.datetime64("2020-01-01"), np.array(["2020"], "datetime64[D]"),
        np.timedelta64(1, "D"), np.float16(1), np.longdouble(1), np.str_("x"), np.void(b"x"), np.full(3, np.nan),
        np.zeros(2, dtype=[("a", float)]).view(np.recarray), np.poly1d([1, 2]), np.broadcast_to(1.0, (10**6, 10**6)),
        np.random.default_rng(0), memoryview(b"abc"), range(3), iter([1]), (x for x in [1]), lambda *_: 1, int,
        NotImplemented, ..., ValueError("x"),
    ]  # fmt: skip


def changed_array(rng, x):
    axis = int(rng.integers(x.ndim))
    changes = [
        lambda: x.mean(axis), lambda: x.sum(axis), lambda: x.mean(axis, keepdims=True), lambda: x.mean(), lambda: x.T,
        lambda: x[..., None], lambda: x[None], lambda: x.ravel(), lambda: np.delete(x, 0, axis), lambda: x[..., ::-1],
        lambda: np.concatenate([x, x], axis), lambda: np.sort(x, axis), lambda: x.take([0], axis), lambda: list(x),
        lambda: np.broadcast_to(x[..., None], (*x.shape, 2)), lambda: x.tolist(), lambda: np.ma.array(x), lambda: x > 0,
        lambda: np.matrix(x.reshape(len(x), -1)) if x.size else np.matrix([[1.0]]), lambda: x.view(SubArray),
        lambda: x.astype(object), lambda: x.astype(str), lambda: x.astype(complex), lambda: x.astype(np.float16),
        lambda: x * np.nan, lambda: np.full(x.shape, np.inf), lambda: x * rng.normal(), lambda: x + rng.normal(),
        lambda: x + rng.normal(size=x.shape), lambda: x.astype(">f8"), lambda: x.astype(np.longdouble),
        lambda: np.zeros((0,) * x.ndim),
    ]  # fmt: skip
    return changes[rng.integers(len(changes))]()


def changed_number(rng, x):
    changes = [
        lambda: -x, lambda: np.array(x), lambda: np.array([x]), lambda: [x], lambda: (x,), lambda: str(x),
        lambda: complex(x), lambda: x * np.nan, lambda: x * 1e308 * 10, lambda: np.matrix(x), lambda: np.longdouble(x),
        lambda: np.float16(x), lambda: x + rng.normal(), lambda: np.full((3, 3), x), lambda: NoNumber(x),
    ]  # fmt: skip
    return changes[rng.integers(len(changes))]()


def changed(rng, result):
    """Another result in place of this one, or of one inside it."""
    if isinstance(result, tuple | list | dict) and len(result) and rng.random() < 0.7:
        items = dict(result) if isinstance(result, dict) else dict(enumerate(result))
        key = list(items)[rng.integers(len(items))]
        items[key] = changed(rng, items[key])
        return items if isinstance(result, dict) else type(result)(items.values())
    if rng.random() < 0.6:
        if isinstance(result, np.ndarray) and result.ndim:
            return changed_array(rng, result)
        if isinstance(result, int | float | np.number):
            return changed_number(rng, result)
    every = strange()
    return every[rng.integers(len(every))]
