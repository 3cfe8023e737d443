"""Functions of tensors for checks that give and get arrays: `@tensors` and `@differentiated` stand above them.

A check compares arrays, and under `vae-ladder grade` arrays are what comes through the pipe of an answer's process. So
the arrays become tensors here, on the answer's side, and its results arrays again; called with tensors, as one function
of an answer calls another, a function is left as it is. Nothing of a result is hidden by that: a tensor that is still
on the tape is refused, and `differentiated` adds the gradients that the tape gives.

This module runs in the answer's process as well, so it imports nothing of the course, and torch only when called.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]


def tensors(*leaves: str) -> Callable[[Function], Function]:
    """Call the function with tensors in place of arrays; the arguments named require gradients, as parameters do.

    Tensors in its result become arrays. Raises RuntimeError for one that the tape still holds.
    """
    return _decorator(leaves, lambda result, arguments: _arrays(result, refuse_tape=True))


def differentiated(*leaves: str) -> Callable[[Function], Function]:
    """Call the function as `tensors` does, and add what its result's gradient for each argument named is.

    Returns {"result": ..., "gradients": {name: array}}. The gradient starts at the first tensor of the result with 1
    for a number, and with 1, 1 + 1/n, 1 + 2/n, ... for the n entries of an array: equal ones would hide an exchange.
    Where the tape does not lead from it to an argument, that gradient is zero.
    """

    def returned(result: Any, arguments: dict[str, Any]) -> Any:
        gradients = _gradients(result, arguments)
        return {"result": _arrays(result), "gradients": gradients}

    return _decorator(leaves, returned)


def _decorator(
    leaves: tuple[str, ...], returned: Callable[[Any, dict[str, Any]], Any]
) -> Callable[[Function], Function]:
    """Call a function with tensors; `returned(result, the arguments named)` is what it returns then."""

    def decorate(function: Function) -> Function:
        _check(function, leaves)

        @functools.wraps(function)
        def called(*arguments: Any, **named: Any) -> Any:
            bound = _bound(function, leaves, arguments, named)
            if bound is None:
                return function(*arguments, **named)
            result = function(*bound.args, **bound.kwargs)
            return returned(result, {name: bound.arguments[name] for name in leaves if name in bound.arguments})

        return called

    return decorate


def _check(function: Function, leaves: tuple[str, ...]) -> None:
    """Raise TypeError where a parameter that the decorator names is none of the function's."""
    unknown = [name for name in leaves if name not in inspect.signature(function).parameters]
    if unknown:
        raise TypeError(f"{function.__name__} has no parameter {unknown[0]!r}, which the line above it names")


def _bound(
    function: Function, leaves: tuple[str, ...], arguments: tuple[Any, ...], named: dict[str, Any]
) -> inspect.BoundArguments | None:
    """The arguments with tensors in place of arrays; None where there are no arrays among them."""
    bound = inspect.signature(function).bind(*arguments, **named)
    if not any(map(_has_arrays, bound.arguments.values())):
        return None
    for name, value in bound.arguments.items():
        bound.arguments[name] = _tensor(value, name in leaves)
    return bound


def _has_arrays(value: Any) -> bool:
    """Whether an argument is an array, or a dict that holds one."""
    return any(map(_has_arrays, value.values())) if isinstance(value, dict) else isinstance(value, np.ndarray)


def _tensor(value: Any, is_leaf: bool) -> Any:
    import torch

    if isinstance(value, dict):
        return {key: _tensor(item, is_leaf) for key, item in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    return torch.tensor(np.ascontiguousarray(value), requires_grad=is_leaf)  # a copy, which may be changed in place


def _arrays(value: Any, refuse_tape: bool = False, path: str = "the result") -> Any:
    """The result with arrays in place of tensors, and numbers in place of those without axes.

    With `refuse_tape`, raises RuntimeError for a tensor on the tape: it would keep the tape in memory.
    """
    import torch

    if isinstance(value, torch.Tensor):
        if refuse_tape and value.grad_fn is not None:
            text = f"{path} is still on the tape, which it keeps in memory: .detach() or .item() takes it off"
            raise RuntimeError(text)
        return value.detach().numpy()[()]
    if isinstance(value, dict):
        return {key: _arrays(item, refuse_tape, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(_arrays(item, refuse_tape, path) for item in value)
    return value


def _gradients(result: Any, arguments: dict[str, Any]) -> dict[str, np.ndarray]:
    import torch

    output, leaves = _first_tensor(result), list(arguments.values())
    if output is None or not output.requires_grad:
        return {name: torch.zeros_like(leaf).numpy() for name, leaf in arguments.items()}
    upstream = 1 + torch.arange(output.numel(), dtype=output.dtype) / output.numel()
    found = torch.autograd.grad(output, leaves, upstream.reshape(output.shape), materialize_grads=True)
    return {name: gradient.numpy() for name, gradient in zip(arguments, found, strict=True)}


def _first_tensor(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return next((found for item in items if (found := _first_tensor(item)) is not None), None)
