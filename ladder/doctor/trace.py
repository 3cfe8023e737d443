"""The calls of a model during one evaluation of its loss, with their results exchanged on request, and its noise.

Every module, and every function and method of the file, is wrapped: what it got and returned is recorded, and its
result can be replaced. Noise is seen where torch draws it, so `randn_like`, `torch.normal` and `Normal.rsample` are the
same here; it can be replaced by a number.
"""

import copy
import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch import distributions as D
from torch.utils._python_dispatch import TorchDispatchMode

from ladder.doctor.loading import Loaded

Path = tuple[Any, ...]
Key = tuple[str, int]
"""The name of a function, and how often it was called before."""
EVERY = -1
"""In place of a number of calls: all calls of that name."""
NORMAL = {"randn", "randn_like", "normal", "normal_", "normal_functional"}
UNIFORM = {"rand", "rand_like", "uniform_", "uniform"}
FOREIGN = ("torch", "lightning", "pytorch_lightning", "transformers", "builtins")
"""Packages whose classes hold no method of the user's."""
DEEPEST = 4


class Event(NamedTuple):
    """One call."""

    key: Key
    start: int
    end: int
    inputs: list[tuple[Path, Tensor]]
    outputs: list[tuple[Path, Tensor]]
    """As the function returned them, before anything was replaced."""


class Draw(NamedTuple):
    """One draw of noise."""

    name: str
    time: int
    shape: tuple[int, ...]


class Tracer(TorchDispatchMode):
    """Records while it is active, as a context."""

    def __init__(self) -> None:
        super().__init__()
        self.replace: dict[Key, Callable[[Any], Any]] = {}
        self.noise: tuple[int, float] | None = None
        """The number of a draw, and the value that all its entries get"""
        self.is_on = False
        self.kept: dict[tuple[Any, Key], tuple[Any, Counter[str]]] = {}
        """Results of calls whose result is replaced whole, and the calls inside of them: they need not run again"""
        self.where: Any = None
        """What the results in `kept` belong to: the step, the mode, the size of batch"""
        self.clear()

    def clear(self) -> None:
        """Forget what was recorded and what was to be replaced."""
        self.time, self.events, self.draws = 0, list[Event](), list[Draw]()
        self.counts: Counter[str] = Counter()
        self.replace, self.noise = {}, None

    def __enter__(self) -> Any:
        self.is_on = True
        return super().__enter__()

    def __exit__(self, *error: Any) -> Any:
        self.is_on = False
        return super().__exit__(*error)

    # Noise

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.partition("::")[2]
        if name in NORMAL | UNIFORM and isinstance(out, Tensor):
            mean, scale = _moments(name, args)
            number = len(self.draws)
            self.draws.append(Draw(name, self.time, tuple(out.shape)))
            if self.noise is not None and self.noise[0] == number:
                value = self.noise[1] if name in UNIFORM else mean + scale * self.noise[1]
                out.copy_(torch.as_tensor(value, dtype=out.dtype).expand(out.shape))
        return out

    # Calls

    def watch(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, recorded under a name."""

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            if not self.is_on:
                return function(*arguments, **named)
            key = (label, self.counts[label])
            self.counts[label] += 1
            self.time += 1
            start = self.time
            inputs = [*pieces((arguments, named))]
            out = self._result(key, function, arguments, named)
            self.time += 1
            self.events.append(Event(key, start, self.time, inputs, [*pieces(out)]))
            change = self._change(key)
            return out if change is None else change(out)

        return watched

    def _result(self, key: Key, function: Callable[..., Any], arguments: Any, named: Any) -> Any:
        """What the function returns; where that is to be replaced, and no noise is drawn in it, of its first call."""
        if self._change(key) is None:
            return function(*arguments, **named)
        if (self.where, key) in self.kept:
            out, inner = self.kept[self.where, key]
            self.counts += inner
            return out
        before, draws = self.counts.copy(), len(self.draws)
        out = function(*arguments, **named)
        if len(self.draws) == draws:
            self.kept[self.where, key] = out, self.counts - before
        return out

    def _change(self, key: Key) -> Callable[[Any], Any] | None:
        return self.replace.get(key) or self.replace.get((key[0], EVERY))

    def watch_model(self, model: nn.Module) -> None:
        """Wrap every module's `forward`, and the methods of the user's classes."""
        for path, module in model.named_modules():
            for name in _methods(module):
                label = ".".join(filter(None, [path, "" if path and name == "forward" else name]))
                object.__setattr__(module, name, self.watch(label, getattr(module, name)))

    def watch_functions(self, loaded: Loaded) -> None:
        """Wrap the functions that a file defines, once for each tracer: the latest one records."""
        for name, value in list(loaded.namespace.items()):
            if inspect.isfunction(value) and value.__module__ == loaded.module:
                loaded.namespace[name] = self.watch(name, getattr(value, "__wrapped__", value))


def _moments(name: str, arguments: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of a draw from its arguments."""
    if not name.startswith("normal"):
        return 0.0, 1.0
    given = list(arguments[1:3] if name.startswith("normal_") else arguments[:2])
    mean, scale = given + [0.0, 1.0][len(given) :]
    return mean, scale


def _methods(module: nn.Module) -> list[str]:
    names = ["forward"]
    for kind in type(module).__mro__:
        if kind.__module__.partition(".")[0] in FOREIGN:
            continue
        for name, value in vars(kind).items():
            if isinstance(value, staticmethod | classmethod) or inspect.isfunction(value):
                names += [name] if not name.startswith("__") and name not in names else []
    return names


# Tensors inside of results


def pieces(value: Any, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    """The tensors in nested tuples, lists, dicts, objects of data and distributions, each with its path."""
    if isinstance(value, Tensor):
        yield path, value
    elif len(path) >= DEEPEST:
        return
    elif isinstance(value, D.Distribution):
        yield from ((((*path, name)), tensor) for name, tensor in parameters(value).items())
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from pieces(item, (*path, name))
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield from pieces(item, (*path, number))
    elif is_record(value):
        for name, item in vars(value).items():
            yield from pieces(item, (*path, name))


def is_record(value: Any) -> bool:
    """Whether an object is one of data, such as a dataclass or a namespace."""
    return hasattr(value, "__dict__") and not isinstance(value, type | nn.Module) and not callable(value)


def replaced(value: Any, changes: dict[Path, Tensor]) -> Any:
    """The same result with other tensors at these paths."""
    if () in changes:
        return changes[()]
    below: dict[Any, dict[Path, Tensor]] = {}
    for path, tensor in changes.items():
        below.setdefault(path[0], {})[path[1:]] = tensor
    if isinstance(value, D.Distribution):
        return with_parameters(value, {name: change[()] for name, change in below.items()})
    if isinstance(value, dict):
        new = copy.copy(value)
        for name, change in below.items():
            new[name] = replaced(value[name], change)
        return new
    if isinstance(value, tuple | list):
        items = [replaced(item, below[n]) if n in below else item for n, item in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    record = copy.copy(value)
    for name, change in below.items():
        object.__setattr__(record, name, replaced(getattr(value, name), change))
    return record


def parameters(distribution: D.Distribution) -> dict[str, Tensor]:
    """Those by which the doctor sets a distribution: loc and scale, or logits or probs."""
    match distribution:
        case D.Independent(base_dist=base):
            return parameters(base)
        case D.Normal(loc=loc, scale=scale) | D.Laplace(loc=loc, scale=scale):
            return {"loc": loc, "scale": scale}
        case D.MultivariateNormal(loc=loc):
            return {"loc": loc, "scale": distribution.variance.sqrt()}
        case D.Bernoulli() | D.ContinuousBernoulli():
            name = "logits" if "logits" in vars(distribution) else "probs"
            return {name: getattr(distribution, name)}
    return {}


def with_parameters(distribution: D.Distribution, changes: dict[str, Tensor]) -> D.Distribution:
    """A distribution of the same kind with other parameters."""
    if isinstance(distribution, D.Independent):
        inner = with_parameters(distribution.base_dist, changes)
        return D.Independent(inner, distribution.reinterpreted_batch_ndims)
    new: dict[str, Any] = parameters(distribution) | changes
    if isinstance(distribution, D.MultivariateNormal):
        return D.MultivariateNormal(new["loc"], scale_tril=torch.diag_embed(new["scale"]))
    return type(distribution)(**new)
