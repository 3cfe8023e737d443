r"""Reverse-mode automatic differentiation, the step between rung 1 and rung 2: backward passes that write themselves.

A `Tensor` is an array that keeps which function computed it, from which tensors, and that function's adjoint. Computing
a loss from tensors therefore records a graph, and `backward` walks it once, from the loss to the inputs:

    order     every tensor after all that were computed from it, so that its gradient is complete when it is used
    adjoint   dx = f_backward(dy, x, ...), the same functions that rung 1 calls by hand
    sum       a tensor used twice receives two gradients, and its own is their sum

Nothing else is needed: `vae_numpy.backward` is what this walk does for the VAE, written out. torch.autograd, which
rungs 2 and 3 use, does the same in C++ for some thousand functions.
Source: Baydin et al. (2018), Automatic Differentiation in Machine Learning: a Survey, arXiv:1502.05767, section 3.2.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from foundation.architecture import Parameters
from foundation.objective import Objective
from numpy_impl import functional as F
from numpy_impl.vae_numpy import DOWN, UP, Forward

Array = np.ndarray | np.generic
"""An array, or the number that NumPy gives for one without axes."""
Gradients = Sequence[Array]
"""One for each tensor that a function was given, in that order."""


class Tensor:
    """An array, the function that computed it, and the gradient of the last `backward`."""

    def __init__(
        self,
        value: Any,
        parents: Sequence["Tensor"] = (),
        adjoint: Callable[[Array], Gradients] = lambda dy: (),
    ) -> None:
        """`adjoint(dy)` gives the gradient for each parent; a tensor without parents is an input."""
        self.value = np.asarray(value)
        self.parents = tuple(parents)
        self.adjoint = adjoint
        self.grad: Array | None = None

    __array_ufunc__ = None  # array * tensor is left to Tensor.__rmul__, where NumPy would take the tensor for a number

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def __len__(self) -> int:
        return len(self.value)

    def __add__(self, other: "Operand") -> "Tensor":
        return add(self, other)

    def __mul__(self, other: "Operand") -> "Tensor":
        return multiply(self, other)

    def __neg__(self) -> "Tensor":
        return multiply(self, -1.0)

    def __sub__(self, other: "Operand") -> "Tensor":
        return add(self, multiply(other, -1.0))

    def __truediv__(self, number: float | int) -> "Tensor":
        return multiply(self, 1.0 / number)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: "Operand") -> "Tensor":
        return add(multiply(self, -1.0), other)

    def backward(self, dy: Any = 1.0) -> None:
        """Put the gradient of sum(dy * self) into `grad` of every tensor that self was computed from, self included.

        Older gradients are replaced. Raises `ValueError` where dy has another shape than self.
        """
        dy = np.asarray(dy, dtype=self.value.dtype)
        if dy.shape != self.shape:
            raise ValueError(f"dy: expected the shape of the tensor, {self.shape}, got {dy.shape}")
        gradients: dict[int, Array] = {id(self): dy}
        for tensor in reversed(topological_order(self)):
            tensor.grad = gradients[id(tensor)]
            for parent, gradient in zip(tensor.parents, tensor.adjoint(tensor.grad), strict=True):
                known = gradients.get(id(parent))
                gradients[id(parent)] = gradient if known is None else np.add(known, gradient)


Operand = Tensor | Array | float | int


def topological_order(last: Tensor) -> list[Tensor]:
    """Every tensor that `last` was computed from, each once and after its parents; `last` comes last.

    A stack in place of recursion: a graph may be deeper than Python's limit on calls.
    """
    order: list[Tensor] = []
    seen: set[int] = set()
    stack = [(last, False)]
    while stack:
        tensor, parents_done = stack.pop()
        if parents_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack += [(parent, False) for parent in tensor.parents]
    return order


def recorded(f: Callable[..., Any], f_backward: Callable[..., Any]) -> Callable[..., Tensor]:
    """f for tensors: f_backward(dy, *inputs, **options) gives the gradients of the inputs that are tensors.

    Arguments by position may be tensors or not; options, by keyword, are not. Raises `TypeError` for a tensor
    in the place of an input that f_backward gives no gradient for, such as the target of a loss.
    """

    def call(*inputs: Any, **options: Any) -> Tensor:
        """The value of f, recorded with its adjoint."""
        values = [x.value if isinstance(x, Tensor) else x for x in inputs]
        parents = {i: x for i, x in enumerate(inputs) if isinstance(x, Tensor)}

        def adjoint(dy: Array) -> Gradients:
            found = f_backward(dy, *values, **options)
            gradients = found if isinstance(found, tuple) else (found,)
            if missing := [i + 1 for i in parents if i >= len(gradients)]:
                raise TypeError(f"argument {missing[0]}: expected an array, since it has no gradient; got a Tensor")
            return [gradients[i] for i in parents]

        return Tensor(f(*values, **options), list(parents.values()), adjoint)

    return call


def unbroadcast(dy: Array, shape: tuple[int, ...]) -> Array:
    """dy summed over the axes that broadcasting repeated: the adjoint of repeating is adding up."""
    added = tuple(range(np.ndim(dy) - len(shape)))
    stretched = tuple(len(added) + i for i, size in enumerate(shape) if size == 1)
    return np.sum(dy, axis=added + stretched).reshape(shape)


# Arithmetic. `a` and `b` are broadcast against one another, as NumPy does.
add = recorded(np.add, lambda dy, a, b: (unbroadcast(dy, np.shape(a)), unbroadcast(dy, np.shape(b))))
multiply = recorded(np.multiply, lambda dy, a, b: (unbroadcast(dy * b, np.shape(a)), unbroadcast(dy * a, np.shape(b))))
exp = recorded(np.exp, lambda dy, x: dy * np.exp(x))
total = recorded(np.sum, lambda dy, x: np.full(x.shape, dy, x.dtype))
reshape = recorded(lambda x, shape: x.reshape(shape), lambda dy, x, shape: dy.reshape(x.shape))

# Rung 1's operations, each beside its adjoint, which needs no bias.
linear = recorded(F.linear, lambda dy, x, weight, bias: F.linear_backward(dy, x, weight))
conv2d = recorded(F.conv2d, lambda dy, x, weight, bias, **options: F.conv2d_backward(dy, x, weight, **options))
conv_transpose2d = recorded(
    F.conv_transpose2d, lambda dy, x, weight, bias, **options: F.conv_transpose2d_backward(dy, x, weight, **options)
)
relu = recorded(F.relu, F.relu_backward)
sigmoid = recorded(F.sigmoid, F.sigmoid_backward)
binary_cross_entropy_with_logits = recorded(
    F.binary_cross_entropy_with_logits,
    lambda dy, logits, target: F.binary_cross_entropy_with_logits_backward(float(dy), logits, target),
)
gaussian_nll_loss = recorded(
    F.gaussian_nll_loss, lambda dy, x, target, var: F.gaussian_nll_loss_backward(float(dy), x, target, var)
)


def forward(parameters: dict[str, Tensor], x: np.ndarray, eps: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """mu, logvar, z, logits: `vae_numpy.forward` without a line for the backward pass."""

    def layer(name: str) -> tuple[Tensor, Tensor]:
        return parameters[f"{name}.weight"], parameters[f"{name}.bias"]

    N, _, H, W = x.shape
    h1 = relu(conv2d(x, *layer("encoder.conv1"), **DOWN))
    h2 = relu(conv2d(h1, *layer("encoder.conv2"), **DOWN))
    h3 = relu(linear(reshape(h2, (N, -1)), *layer("encoder.fc")))
    mu, logvar = linear(h3, *layer("encoder.mu")), linear(h3, *layer("encoder.logvar"))
    z = mu + exp(logvar / 2) * eps
    h4 = relu(linear(z, *layer("decoder.fc1")))
    h5 = reshape(relu(linear(h4, *layer("decoder.fc2"))), (N, -1, H // 4, W // 4))
    h6 = relu(conv_transpose2d(h5, *layer("decoder.conv_transpose1"), **UP))
    logits = conv_transpose2d(h6, *layer("decoder.conv_transpose2"), **UP)
    return mu, logvar, z, logits


def loss(
    logits: Tensor, x: np.ndarray, mu: Tensor, logvar: Tensor, objective: Objective
) -> tuple[Tensor, Tensor, Tensor]:
    """The negative ELBO in its parts, nats per image: loss, reconstruction, KL."""
    if objective.likelihood == "gaussian":
        reconstruction = gaussian_nll_loss(sigmoid(logits), x, objective.sigma**2) / len(x)
    else:
        reconstruction = binary_cross_entropy_with_logits(logits, x) / len(x)
    kl = -total(1 + logvar - mu * mu - exp(logvar)) / (2 * len(x))
    return reconstruction + objective.beta * kl, reconstruction, kl


def differentiate(
    parameters: Parameters, x: np.ndarray, eps: np.ndarray, objective: Objective
) -> tuple[Forward, tuple[np.ndarray, np.ndarray, np.ndarray], Parameters]:
    """The forward pass, the loss in its parts, and the gradient of the loss for every parameter by its name."""
    tensors = {name: Tensor(value) for name, value in parameters.items()}
    mu, logvar, z, logits = forward(tensors, x, eps)
    parts = loss(logits, x, mu, logvar, objective)
    parts[0].backward()
    run = Forward(mu.value, logvar.value, z.value, logits.value)
    gradients = {name: np.asarray(tensor.grad) for name, tensor in tensors.items()}
    return run, (parts[0].value, parts[1].value, parts[2].value), gradients
