"""How the loss of a VAE is called: the ways of published code, each as a function of a batch of images."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ladder.doctor.loading import CLASSES, Loaded
from ladder.doctor.trace import is_record, pieces

ENCODE = ("encode", "encoder", "recognition", "inference", "recognize", "q")
SAMPLE = ("reparameterize", "reparametrize", "reparameterise", "reparam", "sample", "sample_z", "sampling", "draw")
DECODE = ("decode", "decoder", "generator", "generate", "p")
LOSSES = (
    *("loss_function", "vae_loss", "vae_loss_function", "loss_fn", "compute_loss", "loss", "elbo_loss", "neg_elbo"),
    *("negative_elbo", "elbo", "get_loss", "calculate_loss", "calc_loss", "criterion", "loss_func", "total_loss"),
)
VALIDATION = ("validation_step", "val_step", "eval_step", "validation_loss", "val_loss", "test_loss", "eval_loss")
NOT_TOTAL = re.compile(r"recon|kl|mse|bce|likelihood|rec_|gan|adv|plot|val|test|eval")
ROLES = (
    (
        "reconstruction",
        r"recon|rec_|_rec|hat|pred|decoded|generated|logits|probs|^out|output|prime|tilde|^xr|^y$|p_x|px",
    ),
    ("spread", r"var|sig|std|^lv$|scale|log_?s|logsd|^s$"),
    ("mean", r"mu|mean|loc|^m$"),
    ("z", r"^z|latent"),
    ("x", r"^x|input|target|data|orig|image|true|real|batch|img|truth|^y"),
)
"""What an argument's name says that it is; the first that fits counts."""
WHOLE = re.compile(r"^(outputs?|out|results?|res|preds?|forward_out\w*|ret)$")
"""Arguments that may be all that `forward` returned."""
LABELS = re.compile(r"^(y|c|labels?|cond\w*|attr\w*|cls|classes)$")
NOISE = re.compile(r"eps|noise")


class Step(NamedTuple):
    """One way to compute the loss."""

    text: str
    """As the user would write it"""
    call: Callable[[Tensor], Any]
    """From images to whatever it returns"""
    is_forward: bool = False
    """It has no loss: only the way from x to its reconstruction"""


class Names(NamedTuple):
    """What the user named; empty texts for what is to be found."""

    encode: str = ""
    sample: str = ""
    decode: str = ""
    loss: str = ""


class CannotBindError(TypeError):
    """A function has arguments that nothing is known to fill."""


class Subject:
    """The model or the functions, and every way in which their loss may be called."""

    def __init__(self, loaded: Loaded, model: nn.Module | None, names: Names) -> None:
        self.loaded, self.model, self.names = loaded, model, names
        self.roles: dict[str, Tensor] = {}
        """The tensors of the latest forward pass, by what they are"""
        self.set: dict[str, Tensor] = {}
        """Mean and spread where `Rig` has set them"""
        self.latest_z: Callable[[], Tensor | None] = lambda: None
        self.label_kind = 0
        self.assumed: dict[str, float] = {}
        """Values of the keyword arguments without which a loss raises KeyError, such as M_N"""
        if model is not None and hasattr(type(model), "training_step"):
            for name in ("log", "log_dict"):  # Lightning's own need a trainer
                object.__setattr__(model, name, lambda *arguments, **named: None)

    # Forward

    def forward(self, x: Tensor) -> Any:
        """From images to what the model returns."""
        if self.model is not None:
            return self.model(x, *self._others(type(self.model).forward, x, 2))
        encode, decode = self._function(self.names.encode, ENCODE), self._function(self.names.decode, DECODE)
        if encode is None or decode is None:
            raise CannotBindError("expected a torch module, or functions encode and decode; found neither")
        stats = self._fill(encode, x)
        sample = self._function(self.names.sample, SAMPLE)
        if sample is not None:
            z = self._fill(sample, *(stats if isinstance(stats, tuple | list) else [stats]))
        else:
            z = stats.rsample() if hasattr(stats, "rsample") else stats[0]
        z = z[0] if isinstance(z, tuple) else z
        out = self._fill(decode, z)
        return (out, *(stats if isinstance(stats, tuple | list) else [stats]))

    def _others(self, function: Callable[..., Any], x: Tensor, skipped: int) -> list[Any]:
        """Values of the further arguments that a forward pass needs: labels, or noise."""
        found = []
        for parameter in [*inspect.signature(function).parameters.values()][skipped:]:
            if parameter.default is not parameter.empty or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                continue
            if NOISE.search(parameter.name):
                found.append(torch.randn_like(next(t for _, t in pieces(self._encoded(x)))))
            elif LABELS.match(parameter.name):
                found.append(self.labels(x))
            else:
                raise CannotBindError(f"forward needs {parameter.name}, which is not known")
        return found

    def _encoded(self, x: Tensor) -> Any:
        name = next(name for name in (self.names.encode, *ENCODE) if name and hasattr(self.model, name))
        return getattr(self.model, name)(x)

    def labels(self, x: Tensor) -> Tensor:
        """A class for each image: one-hot, or as numbers."""
        classes = torch.arange(len(x)) % CLASSES
        return torch.eye(CLASSES)[classes] if self.label_kind == 0 else classes

    def _function(self, name: str, known: tuple[str, ...]) -> Callable[..., Any] | None:
        names = [name] if name else known
        return next((found for n in names if callable(found := self.loaded.namespace.get(n))), None)

    def _fill(self, function: Callable[..., Any], *values: Any) -> Any:
        """Call a function; what else it needs are globals of the file by the same names."""
        signature = [*inspect.signature(function).parameters.values()]
        if signature and signature[0].name in self.loaded.namespace and len(required(function)) > len(values):
            values = (self.loaded.namespace[signature[0].name], *values)
        named = {}
        for parameter in required(function)[len(values) :]:
            if parameter.name not in self.loaded.namespace:
                raise CannotBindError(f"{function.__name__} needs {parameter.name}, which is not known")
            named[parameter.name] = self.loaded.namespace[parameter.name]
        return function(*values, **named)

    # Losses

    def steps(self) -> Iterator[Step]:
        """The ways to call the loss, the most certain first; at last the forward pass alone."""
        if self.names.loss:
            yield self._named_loss(self.names.loss)
            return
        model = self.model
        if model is not None and callable(function := getattr(model, "training_step", None)):
            yield self._step("training_step", function)
        for name, function in self.losses():
            if len(required(function)) == 1 and len(inspect.signature(function).parameters) < 4:
                yield Step(f"{name}(x)", function)
            yield Step(f"{name}(...)", partial(self._after_forward, function))
        yield Step("forward(x)", self.forward, is_forward=True)

    def validation(self) -> Step | None:
        """The loss of validation, where the file has one of its own."""
        for name in VALIDATION:
            if (function := self._callable(name)) is not None:
                return self._step(name, function)
        return None

    def _callable(self, name: str) -> Callable[..., Any] | None:
        """A method of the model, or else a function of the file."""
        owned = getattr(self.model, name, None), self.loaded.namespace.get(name)
        return next((found for found in owned if callable(found)), None)

    def _step(self, name: str, function: Callable[..., Any]) -> Step:
        """How a function is called by its name and arguments: with a batch, with images, or after forward."""
        if name.endswith("_step") and callable(getattr(self.model, name, None)):
            return Step(f"{name}((x, y), 0)", partial(self._fill_step, function))
        if len(required(function)) == 1:
            return Step(f"{name}(x)", function)
        return Step(f"{name}(...)", partial(self._after_forward, function))

    def losses(self) -> list[tuple[str, Callable[..., Any]]]:
        """Methods and functions that are named as losses are, those that may be totals first."""
        found: dict[str, Callable[..., Any]] = {}
        for name in LOSSES:
            for owner in (self.model, self.loaded.namespace):
                value = owner.get(name) if isinstance(owner, dict) else getattr(owner, name, None)
                if callable(value) and not inspect.isclass(value) and not isinstance(value, nn.Module):
                    found.setdefault(name, value)
        for name, value in self.loaded.namespace.items():
            is_own = getattr(value, "__module__", "") == self.loaded.module
            if inspect.isfunction(value) and is_own and re.search("loss|elbo|objective", name.lower()):
                found.setdefault(name, value)
            elif _is_loss_class(value) and is_own and not required(value.__init__)[1:]:
                found.setdefault(name, value().forward)
        for name in dir(type(self.model)) if self.model is not None else ():
            if re.search("loss|elbo", name) and inspect.isroutine(value := getattr(self.model, name, None)):
                found.setdefault(name, value)
        return sorted(found.items(), key=lambda item: bool(NOT_TOTAL.search(item[0].lower())))

    def _named_loss(self, text: str) -> Step:
        """A loss by its name, or as an expression in x, recon, mu, logvar, z and model."""
        if (function := self._callable(text)) is not None:
            return self._step(text, function)
        code = compile(text, "--loss", "eval")
        used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}

        def evaluate(x: Tensor) -> Any:
            names: dict[str, Any] = {"x": x, "model": self.model, "torch": torch, "nn": nn, "F": nn.functional}
            if "model" not in used:
                self.classify(self.forward(x), x)
                names |= {"recon": self.roles.get("reconstruction"), "mu": self.roles.get("mean")}
                names |= {"logvar": self.roles.get("spread"), "z": self.roles.get("z")}
            return eval(code, names | self.loaded.namespace | names)

        return Step(text, evaluate)

    def _fill_step(self, step: Callable[..., Any], x: Tensor) -> Any:
        batch: Any = (x, torch.arange(len(x)) % CLASSES)
        count = len(required(step))
        try:
            return step(batch, *[0] * (count - 1))
        except (AttributeError, TypeError):
            return step(x, *[0] * (count - 1))

    def _after_forward(self, function: Callable[..., Any], x: Tensor) -> Any:
        out = self.forward(x)
        self.classify(out, x)
        arguments, named = self.bind(function, out, x)
        named |= self.assumed
        for _ in range(4):
            try:
                return function(*arguments, **named)
            except KeyError as error:  # as in `kwargs["M_N"]`
                self.assumed.setdefault(str(error.args[0]), 1.0)
                named |= self.assumed
        return function(*arguments, **named)

    def classify(self, out: Any, x: Tensor) -> None:
        """Note which tensors of a forward pass are the reconstruction, mu, the spread and z.

        Those that were set, and z, are told by their identity or values, all others by their order.
        """
        rest, roles = [], dict[str, Tensor]()
        known = {name: t for name, t in (self.set | {"z": self.latest_z()}).items() if t is not None}
        for _, tensor in pieces(out):
            if tensor.numel() == x.numel() and len(tensor) == len(x):
                if not torch.equal(tensor.reshape(-1), x.reshape(-1)):
                    roles.setdefault("reconstruction", tensor)
            elif tensor.dim() > 1 and len(tensor) == len(x):
                name = next((name for name, other in known.items() if _is_same(tensor, other)), None)
                if name is not None:
                    roles.setdefault(name, tensor)
                else:
                    rest.append(tensor)
        for name, tensor in zip((n for n in ("mean", "spread", "z") if n not in roles), rest, strict=False):
            roles[name] = tensor
        self.roles = known | roles

    def bind(self, function: Callable[..., Any], out: Any, x: Tensor) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a loss, by their names; `*args` gets all that forward returned."""
        signature = inspect.signature(function).parameters
        if any(p.kind is p.VAR_POSITIONAL for p in signature.values()):
            return (list(out) if isinstance(out, tuple | list) else [out]), {}
        parameters = required(function)
        values: dict[str, Any] = self.roles | {"x": x}
        by_order = self._by_order(out, parameters, x)
        found, used = [], set[str]()
        for place, parameter in enumerate(parameters):
            name = parameter.name.lower()
            role = next((role for role, words in ROLES if re.search(words, name) and role not in used), None)
            if name in ("model", "net", "vae", "network", "self") and self.model is not None:
                found.append(self.model)
            elif isinstance(out, dict) and parameter.name in out:
                found.append(out[parameter.name])
            elif WHOLE.match(name) and not isinstance(out, Tensor) and len(parameters) <= 3:
                found.append(out)
            elif _has_field(out, parameter.name):
                found.append(getattr(out, parameter.name))
            elif self._distribution(out, name) is not None:
                found.append(self._distribution(out, name))
            elif role is not None and role in values:
                used.add(role)
                found.append(values[role])
            elif parameter.name in self.loaded.namespace and not callable(self.loaded.namespace[parameter.name]):
                found.append(self.loaded.namespace[parameter.name])
            elif (options := self._options(parameter)) is not None:
                found.append(options)
            elif by_order is not None:
                found.append(by_order[place])
            else:
                raise CannotBindError(f"{function.__name__} needs {parameter.name}, which is not known")
        return found, {}

    def _options(self, parameter: inspect.Parameter) -> Any:
        """An instance of the class that an argument is annotated with, where that needs no arguments."""
        kind = parameter.annotation
        kind = self.loaded.namespace.get(kind) if isinstance(kind, str) else kind
        if not inspect.isclass(kind) or kind is parameter.empty or issubclass(kind, Tensor):
            return None
        try:
            return kind() if not required(kind) else None
        except Exception:
            return None

    def _by_order(self, out: Any, parameters: list[inspect.Parameter], x: Tensor) -> list[Any] | None:
        """The values of as many arguments as forward returned, with x put second, as most losses have it."""
        if not isinstance(out, tuple | list):
            return None
        return {len(out): [*out], len(out) + 1: [out[0], x, *out[1:]]}.get(len(parameters))

    def _distribution(self, out: Any, name: str) -> Any:
        """The distribution that an argument such as q, p or posterior means."""
        if not isinstance(out, tuple | list):
            return None
        found = [item for item in out if isinstance(item, torch.distributions.Distribution)]
        if name in ("q", "qz", "q_z", "posterior", "q_z_x", "dist", "z_dist") and found:
            return found[0 if name != "dist" else -1]
        if name in ("px", "p_x", "likelihood", "p_x_z", "p") and found:
            return found[-1]
        return None


def _is_loss_class(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module) and "loss" in value.__name__.lower()


def _has_field(out: Any, name: str) -> bool:
    """Whether what forward returned has a field of this name."""
    return name in getattr(out, "_fields", ()) or (is_record(out) and hasattr(out, name))


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same object or view, or have the same values."""
    if one.shape != other.shape:
        return False
    return one is other or one.data_ptr() == other.data_ptr() or torch.equal(one, other)


def required(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters without default values."""
    try:
        given = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return []
    return [p for p in given if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
