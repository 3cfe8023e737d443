"""A rung made of the learner's own functions, with rung 1's in the places of those that are missing.

The largest function that there is takes precedence: a `train_step` of one's own calls its own `forward`, `loss` and
`backward`. What a file of exercise 13 imports from rung 1, such as `linear_backward`, is the learner's own in it as
well, as far as exercises 05 to 11 have it. Whatever the precision of a training, the learner's functions compute in
float64, with which they were checked; results are rounded.
"""

import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

import numpy as np

from exercises.kit.own_functions import NOT_WRITTEN, PARTS, PASSES, OwnFunctions
from exercises.kit.raised import in_one_line
from foundation.architecture import Architecture, Parameters
from foundation.errors import InputError
from foundation.objective import Loss, Objective
from foundation.rung import Description, Pass, check_batch
from numpy_impl import functional as F
from numpy_impl import vae_numpy as vae
from numpy_impl.rung import NumpyRung
from numpy_impl.vae_numpy import DOWN, UP, Forward

Function = Callable[..., Any]
NAME = "mine"
YOURS = "your own"


class Pieces:
    """Every operation of the VAE by name: the learner's own where there is one, else rung 1's."""

    def __init__(self, own: OwnFunctions) -> None:
        self.own = own
        self.used = set[str]()
        """Names of the learner's functions that were called so far."""

    def has(self, name: str) -> bool:
        return name in self.own.functions

    def call(self, name: str, *arguments: Any) -> Any:
        """What the learner's function gives for float64, which the exercises promise it.

        Raises `InputError` with its place where it raises an exception.
        """
        self.used.add(name)
        function = self.own.functions[name]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return function(*map(_in_float64, arguments))
        except InputError:  # of another function of the learner's, which this one called
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"{NAME}: {name} in {self.own.place(name)}: {in_one_line(error)}") from error

    def refuse(self, name: str, expected: str, got: str) -> NoReturn:
        raise InputError(f"{NAME}: {name} in {self.own.place(name)}: expected {expected}, got {got}")

    def array(self, name: str, result: Any, like: np.ndarray) -> np.ndarray:
        """A result as an array with the shape and type of another. Raises `InputError` for another shape."""
        if not isinstance(result, np.ndarray | np.generic) or result.shape != like.shape:
            shape = getattr(result, "shape", None)
            self.refuse(name, f"an array of shape {like.shape}", str(shape) if shape else type(result).__name__)
        return np.asarray(result, dtype=like.dtype)

    def arrays(self, name: str, results: Any, likes: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """The same for a tuple."""
        if not isinstance(results, tuple | list) or len(results) != len(likes):
            self.refuse(name, f"a tuple of {len(likes)}", type(results).__name__)
        return tuple(self.array(name, result, like) for result, like in zip(results, likes, strict=True))

    def number(self, name: str, result: Any) -> float:
        """A result as a number. Raises `InputError` for anything else."""
        try:
            return float(result)
        except (TypeError, ValueError):
            self.refuse(name, "a number", type(result).__name__)

    def count(self, name: str, result: Any) -> int:
        """A result as a whole number. Raises `InputError` for anything else."""
        found = self.number(name, result)
        if not found.is_integer():
            self.refuse(name, "a whole number for t", str(found))
        return int(found)

    # The operations, with the signatures of `numpy_impl.functional`

    def linear_backward(
        self, dy: np.ndarray, x: np.ndarray, weight: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not self.has("linear_backward"):
            return F.linear_backward(dy, x, weight)
        found = self.call("linear_backward", dy, x, weight)
        dx, dweight, dbias = self.arrays("linear_backward", found, (x, weight, dy[0]))
        return dx, dweight, dbias

    def relu_backward(self, dy: np.ndarray, x: np.ndarray, inplace: bool = False) -> np.ndarray:
        if not self.has("relu_backward"):
            return F.relu_backward(dy, x)
        return self.array("relu_backward", self.call("relu_backward", dy, x), x)

    def conv2d_backward(
        self, dy: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if all(map(self.has, ("conv2d_dx", "conv2d_dweight", "conv2d_dbias"))):
            dx, dweight, dbias = x, weight, dy[0, :, 0, 0]  # their shapes alone: rung 1 is not called at all
        else:
            dx, dweight, dbias = F.conv2d_backward(dy, x, weight, stride, padding)
        if self.has("conv2d_dx"):
            dx = self.array("conv2d_dx", self.call("conv2d_dx", dy, weight, x.shape[2:], stride, padding), dx)
        if self.has("conv2d_dweight"):
            found = self.call("conv2d_dweight", dy, x, weight.shape[2:], stride, padding)
            dweight = self.array("conv2d_dweight", found, dweight)
        if self.has("conv2d_dbias"):
            dbias = self.array("conv2d_dbias", self.call("conv2d_dbias", dy), dbias)
        return dx, dweight, dbias

    def conv_transpose2d(
        self,
        x: np.ndarray,
        weight: np.ndarray,
        bias: np.ndarray | None = None,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
    ) -> np.ndarray:
        if not self.has("conv_transpose2d"):
            return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)
        bias = np.zeros(weight.shape[1], x.dtype) if bias is None else bias
        found = self.call("conv_transpose2d", x, weight, bias, stride, padding, output_padding)
        height, width = ((n - 1) * stride - 2 * padding + k + output_padding for n, k in _sizes(x, weight))
        return self.array("conv_transpose2d", found, np.empty((len(x), weight.shape[1], height, width), x.dtype))

    def binary_cross_entropy_with_logits(self, logits: np.ndarray, target: np.ndarray) -> Any:
        """The sum; the exercise's is its average over the images."""
        if not self.has("bce"):
            return F.binary_cross_entropy_with_logits(logits, target)
        return len(logits) * self.number("bce", self.call("bce", _rows(logits), _rows(target)))

    def binary_cross_entropy_with_logits_backward(
        self, dy: float, logits: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        if not self.has("bce_backward"):
            return F.binary_cross_entropy_with_logits_backward(dy, logits, target)
        found = self.call("bce_backward", float(dy) * len(logits), _rows(logits), _rows(target))
        return self.array("bce_backward", found, _rows(logits)).reshape(logits.shape)

    # The VAE, where exercise 13 is not written

    def reparameterize(self, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
        if not self.has("reparameterize"):
            return vae.reparameterize(mu, logvar, eps)
        return self.array("reparameterize", self.call("reparameterize", mu, logvar, eps), mu)

    def reparameterize_backward(
        self, dz: np.ndarray, logvar: np.ndarray, eps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.has("reparameterize_backward"):
            return vae.reparameterize_backward(dz, logvar, eps)
        found = self.call("reparameterize_backward", dz, logvar, eps)
        dmu, dlogvar = self.arrays("reparameterize_backward", found, (dz, logvar))
        return dmu, dlogvar

    def kl(self, mu: np.ndarray, logvar: np.ndarray) -> float:
        """In nats per image."""
        if not self.has("kl"):
            return float(vae.kl_divergence(mu, logvar) / len(mu))
        return self.number("kl", self.call("kl", mu, logvar))

    def kl_backward(self, mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradients of `kl`."""
        if not self.has("kl_backward"):
            return vae.kl_divergence_backward(1 / len(mu), mu, logvar)
        dmu, dlogvar = self.arrays("kl_backward", self.call("kl_backward", mu, logvar), (mu, logvar))
        return dmu, dlogvar


def _in_float64(value: Any) -> Any:
    """An argument with its arrays in float64; those that are so already are not copied."""
    if isinstance(value, dict):
        return {key: _in_float64(item) for key, item in value.items()}
    return value.astype(np.float64, copy=False) if isinstance(value, np.ndarray) else value


def _sizes(x: np.ndarray, weight: np.ndarray) -> Iterator[tuple[int, int]]:
    return zip(x.shape[2:], weight.shape[2:], strict=True)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


LAYERS = (
    "linear_backward",
    "relu_backward",
    "conv2d_backward",
    "conv_transpose2d",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
)
"""What the stub of exercise 13 imports of rung 1 and the learner has written since."""


class OwnRung(NumpyRung):
    """`foundation.rung.Rung` over the learner's functions."""

    name = NAME
    threads = 1

    def __init__(
        self,
        own: OwnFunctions,
        architecture: Architecture,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        description: Description | None = None,
    ) -> None:
        super().__init__(architecture, parameters, learning_rate, description)
        self._pieces = Pieces(own)
        module = own.modules.get(PARTS["train_step"])
        for name in LAYERS:
            found = getattr(module, name, None)
            if found is getattr(F, name) or isinstance(getattr(found, "__self__", None), Pieces):  # an earlier rung's
                setattr(module, name, getattr(self._pieces, name))

    @property
    def used(self) -> list[str]:
        """The learner's functions that were called so far, in the order of the course."""
        return [name for name in PARTS if name in self._pieces.used]

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        with self._changing():
            if self._pieces.has("train_step"):
                return self._own_step(x, eps, objective)
            activations, loss = self._loss(x, eps, objective)
            if np.isfinite(loss.loss):
                self._update(self._gradients(x, eps, activations, objective))
            return loss

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        return self._loss(x, eps, objective)[1]

    def differentiate(
        self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None
    ) -> Pass:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        a, loss = self._loss(x, eps, objective)
        return Pass(a["mu"], a["logvar"], a["logits"], loss, self._gradients(x, eps, a, objective))

    def activations(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None = None) -> Parameters:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        a = self._forward(x, eps)
        return {name: a[name] for name in Forward._fields}

    # One pass

    def _forward(self, x: np.ndarray, eps: np.ndarray) -> Parameters:
        """Every activation by the names of exercise 13."""
        pieces, parameters = self._pieces, self._parameters
        if pieces.has("forward"):
            found = pieces.call("forward", parameters, x, eps)
            likes = self._likes(len(x))
            if not isinstance(found, dict) or not likes.keys() <= found.keys():
                pieces.refuse("forward", f"a dict with {', '.join(likes)}", type(found).__name__)
            return {name: pieces.array("forward", found[name], like) for name, like in likes.items()}
        mu, logvar, hidden = vae.encode(parameters, x)
        z = pieces.reparameterize(mu, logvar, eps)
        h4 = F.relu(F.linear(z, *vae.layer(parameters, "decoder.fc1")))
        h5 = F.relu(F.linear(h4, *vae.layer(parameters, "decoder.fc2"))).reshape(hidden.h2.shape)
        h6 = F.relu(pieces.conv_transpose2d(h5, *vae.layer(parameters, "decoder.conv_transpose1"), **UP))
        logits = pieces.conv_transpose2d(h6, *vae.layer(parameters, "decoder.conv_transpose2"), **UP)
        return {**hidden._asdict(), "mu": mu, "logvar": logvar, "z": z, "h4": h4, "h5": h5, "h6": h6, "logits": logits}

    def _likes(self, count: int) -> Parameters:
        """Arrays with the shape and type of each activation."""
        _, height, width = self.architecture.image_shape
        c1, c2 = self.architecture.channels
        hidden, latents = self.architecture.hidden_dim, self.architecture.latent_dim
        h1, h2 = (c1, height // 2, width // 2), (c2, height // 4, width // 4)
        shapes = {"h1": h1, "h2": h2, "h3": (hidden,), "mu": (latents,), "logvar": (latents,), "z": (latents,)}
        shapes |= {"h4": (hidden,), "h5": h2, "h6": h1, "logits": self.architecture.image_shape}
        return {name: np.empty((count, *shape), self.dtype) for name, shape in shapes.items()}

    def _loss(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> tuple[Parameters, Loss]:
        """The activations, and the loss in its parts."""
        pieces, a = self._pieces, self._forward(x, eps)
        if pieces.has("loss"):
            found = pieces.call("loss", a["logits"], x, a["mu"], a["logvar"], objective.beta)
            if not isinstance(found, dict) or not set(Loss._fields) <= found.keys():
                pieces.refuse("loss", f"a dict with {', '.join(Loss._fields)}", type(found).__name__)
            return a, Loss(*(pieces.number("loss", found[part]) for part in Loss._fields))
        reconstruction = float(pieces.binary_cross_entropy_with_logits(a["logits"], x)) / len(x)
        kl = pieces.kl(a["mu"], a["logvar"])
        return a, Loss(reconstruction + objective.beta * kl, reconstruction, kl)

    def _gradients(self, x: np.ndarray, eps: np.ndarray, a: Parameters, objective: Objective) -> Parameters:
        """The gradient of the loss for every parameter."""
        pieces, p = self._pieces, self._parameters
        if pieces.has("backward"):
            return self._like_parameters("backward", pieces.call("backward", p, x, eps, a, objective.beta))
        g: Parameters = {}

        def through(operation: Function, name: str, dy: np.ndarray, inputs: np.ndarray, **options: Any) -> np.ndarray:
            dx, g[f"{name}.weight"], g[f"{name}.bias"] = operation(dy, inputs, p[f"{name}.weight"], **options)
            return np.asarray(dx)

        transposed, linear, conv2d = F.conv_transpose2d_backward, pieces.linear_backward, pieces.conv2d_backward
        masked = pieces.relu_backward
        dlogits = pieces.binary_cross_entropy_with_logits_backward(1 / len(x), a["logits"], x)
        dh6 = through(transposed, "decoder.conv_transpose2", dlogits, a["h6"], **UP)
        dh5 = through(transposed, "decoder.conv_transpose1", masked(dh6, a["h6"]), a["h5"], **UP)
        dh4 = through(linear, "decoder.fc2", _rows(masked(dh5, a["h5"])), a["h4"])
        dz = through(linear, "decoder.fc1", masked(dh4, a["h4"]), a["z"])
        dmu, dlogvar = pieces.kl_backward(a["mu"], a["logvar"])
        dmu_of_z, dlogvar_of_z = pieces.reparameterize_backward(dz, a["logvar"], eps)
        beta = self.dtype.type(objective.beta)
        dh3 = through(linear, "encoder.mu", beta * dmu + dmu_of_z, a["h3"])
        dh3 = dh3 + through(linear, "encoder.logvar", beta * dlogvar + dlogvar_of_z, a["h3"])
        dh2 = through(linear, "encoder.fc", masked(dh3, a["h3"]), _rows(a["h2"]))
        dh1 = through(conv2d, "encoder.conv2", masked(dh2.reshape(a["h2"].shape), a["h2"]), a["h1"], **DOWN)
        through(conv2d, "encoder.conv1", masked(dh1, a["h1"]), x, **DOWN)
        return {name: g[name] for name in p}

    def _like_parameters(self, name: str, found: Any) -> Parameters:
        """A result with an array for every parameter."""
        if not isinstance(found, dict) or found.keys() != self._parameters.keys():
            self._pieces.refuse(name, "a dict with every parameter", type(found).__name__)
        return {key: self._pieces.array(name, found[key], like) for key, like in self._parameters.items()}

    # One step

    def _update(self, gradients: Parameters) -> None:
        pieces, optimizer = self._pieces, self._optimizer
        if not pieces.has("adam"):
            optimizer.step(gradients)
            return
        new, counts = {}, list[int]()
        for name, parameter in self._parameters.items():
            m, v = optimizer.m[name], optimizer.v[name]
            rest = optimizer.learning_rate, *optimizer.betas, optimizer.eps
            given = parameter, gradients[name], m, v, optimizer.t, *rest
            found = pieces.call("adam", *given)
            if not isinstance(found, tuple | list) or len(found) != 4:
                pieces.refuse("adam", "a tuple of 4", type(found).__name__)
            new[name] = pieces.arrays("adam", tuple(found)[:3], (parameter, m, v))
            counts.append(pieces.count("adam", found[3]))
        for name, (parameter, m, v) in new.items():
            self._put(name, parameter, m, v)
        optimizer.t = counts[0]  # each parameter was given the same

    def _own_step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        """A step of the learner's `train_step`; the parts of the loss come from a forward pass before it."""
        pieces, optimizer, p = self._pieces, self._optimizer, self._parameters
        _, parts = self._loss(x, eps, objective)
        if not np.isfinite(parts.loss):
            return parts
        given = p, optimizer.m, optimizer.v, optimizer.t, x, eps, objective.beta, optimizer.learning_rate
        found = pieces.call("train_step", *given)
        if not isinstance(found, dict) or not {"loss", "parameters", "m", "v", "t"} <= found.keys():
            pieces.refuse("train_step", "a dict with loss, parameters, m, v and t", type(found).__name__)
        loss = parts._replace(loss=pieces.number("train_step", found["loss"]))
        if np.isfinite(loss.loss):
            new = [self._like_parameters("train_step", found[group]) for group in ("parameters", "m", "v")]
            steps = pieces.count("train_step", found["t"])
            for name in p:
                self._put(name, *(group[name] for group in new))
            optimizer.t = steps
        return loss

    def _put(self, name: str, parameter: np.ndarray, m: np.ndarray, v: np.ndarray) -> None:
        self._parameters[name][...] = parameter
        self._optimizer.m[name][...] = m
        self._optimizer.v[name][...] = v


def whose(own: OwnFunctions, used: Collection[str]) -> Iterator[tuple[str, str]]:
    """Of every function of PARTS: its name with the exercise's number, and whose is used, and why."""
    for name, exercise in PARTS.items():
        state = own.states[name]
        if name in used:
            text = YOURS if state == PASSES else f"yours, although it {state}"
        elif name in own.functions:
            text = "yours, but not called: a larger one of yours does it"
        else:
            text = "ours, as yours is not written yet" if state == NOT_WRITTEN else f"ours, as yours {state}"
        yield f"{name} ({exercise[:2]})", text
