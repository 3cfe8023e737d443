"""Rung 3 and its family behind the contract that training, parity and figures use."""

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.objective import Objective
from foundation.options import OptimizerOptions, TrainOptions
from foundation.rung import Description, Pass, check_batch
from foundation.weights import check_fit, check_moments
from paper.models.base import Model
from paper.models.options import VAEOptions
from paper.models.registry import make_model
from paper.training.device import DTYPES, check_compiler, choose_device
from paper.training.distributed import process_numbers, sum_over_processes
from paper.training.summary import summary

READ_EVERY = 20
"""Steps between two looks at the losses on a GPU, which runs ahead of Python: to look is to wait."""
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class ModelRung:
    """`foundation.rung.Rung` over any model of `paper.models`, which lies on its device already.

    Where torchrun started several processes, each is given the whole batch and computes its share of it.
    """

    name = "paper"

    def __init__(
        self,
        model: Model,
        optimizer: OptimizerOptions = OptimizerOptions(),  # noqa: B008  (frozen)
        precision: str = "float32",
        compile_network: bool = False,
    ) -> None:
        self.model = model
        self.traits = model.traits
        self.description = Description.of(model.options, model.image_shape, model.class_count)
        mould = next(model.parameters())
        self._device, self._dtype = mould.device, mould.dtype
        self.device = mould.device.type
        self.dtype = np.dtype(str(mould.dtype).removeprefix("torch."))
        self.read_every = 1 if self.device == "cpu" else READ_EVERY
        self.process, self.processes = process_numbers()
        if self.processes > 1 and model.options.whole_batch:
            raise InputError(f"{model.options.model}: its loss is that of the whole batch; expected one process alone")
        self.threads = torch.get_num_threads()
        self._precision = precision
        self._optimizer = make_optimizer(model, optimizer)
        self._compile_network = compile_network

    @property
    def learning_rate(self) -> float:
        return self._optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def noise_shape(self, count: int) -> tuple[int, ...]:
        return self.model.noise_shape(count)

    def before_training(self, data: Data[np.ndarray], options: TrainOptions) -> Data[np.ndarray]:
        """What the model makes of the data before the first step; see `foundation.training.SeesData`."""
        return self.model.before_training(data, options)

    @functools.cached_property
    def _network(self) -> Any:
        """The model as a step calls it: averaging gradients over processes where there are several, compiled if asked.

        It is made at the first step, in which all processes take part. What one of them measures or draws alone needs
        the model only.
        """
        network: Any = DistributedDataParallel(self.model) if self.processes > 1 else self.model
        return torch.compile(network) if self._compile_network else network

    @functools.cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of one image, its noise and its latents, as `check_batch` wants them."""
        x = torch.zeros(1, *self.model.image_shape, device=self._device, dtype=self._dtype)
        with torch.no_grad():
            c = self.model.condition(x, torch.zeros(1, dtype=torch.long, device=self._device))
            z = self.model.encode(x, c)[0]
        return {"x": self.model.image_shape, "eps": self.model.noise_shape(1)[1:], "z": tuple(z.shape[1:])}

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        share = slice(self.process * len(x) // self.processes, (self.process + 1) * len(x) // self.processes)
        weight = (share.stop - share.start) / len(x)
        images, noise, c = self._batch(x[share], eps[share], None if labels is None else labels[share])
        self._check(objective)
        self.model.train()
        run = self._forward(self._network, images, noise, c)
        loss = self.model.loss(run, images, objective)
        total = sum_over_processes(torch.stack(loss) * weight)
        parts = type(loss)(*(total.tolist() if self.read_every == 1 else total))
        if self.read_every == 1 and not math.isfinite(parts.loss):
            return parts
        self._optimizer.zero_grad()
        # Gradients are averaged over processes; this makes the average that of all images, however they were shared.
        (loss.loss * (weight * self.processes)).backward()
        self._optimizer.step()
        self.model.after_step(run)
        return parts

    @torch.no_grad()
    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        images, noise, c = self._batch(x, eps, labels)
        self._check(objective)
        training = self.model.training
        self.model.eval()
        loss = self.model.loss(self._forward(self.model, images, noise, c), images, objective)
        self.model.train(training)
        return type(loss)(*torch.stack(loss).tolist())

    def differentiate(
        self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None
    ) -> Pass:
        if not self.traits.posterior:
            raise InputError(f"{self.description.model}: expected a model with mu and logvar")
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        self._check(objective)
        images, noise, c = self._batch(x, eps, labels)
        run = self._forward(self.model, images, noise, c)
        loss = self.model.loss(run, images, objective)
        names, values = zip(*self.model.named_parameters(), strict=True)
        gradients = torch.autograd.grad(loss.loss, values)
        parts = type(loss)(*torch.stack(loss).tolist())
        arrays = dict(zip(names, map(to_array, gradients), strict=True))
        return Pass(to_array(run.mu), to_array(run.logvar), to_array(run.logits), parts, arrays)

    @torch.no_grad()
    def activations(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None = None) -> Parameters:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        run = self._forward(self.model, *self._batch(x, eps, labels))
        return {name: to_array(value) for name, value in run._asdict().items() if value is not None}

    @torch.no_grad()
    def condition(self, x: np.ndarray | None, labels: np.ndarray | None) -> np.ndarray | None:
        images = None if x is None else self.to_tensor(x)
        c = self.model.condition(images, None if labels is None else self.to_tensor(labels))
        return None if c is None else to_array(c)

    @torch.no_grad()
    def encode(self, x: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        check_batch(self._shapes, self.dtype, x=x)
        images, given = self.to_tensor(x), None if c is None else self.to_tensor(c)
        mu, logvar = self.model.encode(images, given)
        return to_array(mu), None if logvar is None else to_array(logvar)

    @torch.no_grad()
    def code(self, mu: np.ndarray, logvar: np.ndarray | None) -> np.ndarray:
        moments = self.to_tensor(mu), None if logvar is None else self.to_tensor(logvar)
        return to_array(self.model.code(*moments))

    @torch.no_grad()
    def prior(self, eps: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch({"eps": self.model.prior_shape(1)[1:]}, self.dtype, eps=eps)
        return to_array(self.model.prior(self.to_tensor(eps), None if c is None else self.to_tensor(c)))

    @torch.no_grad()
    def decode(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, z=z)
        return to_array(self.model.decode(self.to_tensor(z), None if c is None else self.to_tensor(c)))

    @torch.no_grad()
    def reconstruct(self, x: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, x=x)
        return to_array(self.model.reconstruct(self.to_tensor(x), None if c is None else self.to_tensor(c)))

    @torch.no_grad()
    def sample(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, z=z)
        return to_array(self.model.sample(self.to_tensor(z), None if c is None else self.to_tensor(c)))

    @torch.no_grad()
    def draw(self, z: np.ndarray, c: np.ndarray | None, seed: int) -> np.ndarray:
        check_batch(self._shapes, self.dtype, z=z)
        generator = torch.Generator(self._device).manual_seed(seed)
        return to_array(self.model.draw(self.to_tensor(z), None if c is None else self.to_tensor(c), generator))

    def mask(self) -> np.ndarray:
        return to_array(self.model.mask())

    @torch.no_grad()
    def codes(self, x: np.ndarray) -> np.ndarray:
        return to_array(self.model.codes(self.to_tensor(x)))

    def summary(self) -> str:
        return summary(self.model)

    def parameters(self) -> Parameters:
        return {name: to_array(value).copy() for name, value in self.model.state_dict().items()}

    def optimizer_state(self) -> Parameters:
        state = self._optimizer.state
        return {
            f"{name}.{moment}": to_array(tensor).copy()
            for name, value in self.model.named_parameters()
            if value in state
            for moment, tensor in state[value].items()
        }

    def restore(self, parameters: Parameters, optimizer_state: Parameters, source: str | Path = "parameters") -> None:
        state = self.model.state_dict()
        check_fit(shapes(parameters), shapes(state), source)
        named = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        if optimizer_state:
            check_moments(optimizer_state, shapes(named), source)
        self.model.load_state_dict({name: torch.from_numpy(value) for name, value in parameters.items()})
        if not optimizer_state:
            return
        moments = {
            # Copies: torch keeps the tensors that it is given, and changes them in place.
            i: {m: torch.tensor(optimizer_state[f"{name}.{m}"]) for m in ("step", "exp_avg", "exp_avg_sq")}
            for i, (name, value) in enumerate(self.model.named_parameters())
            if value.requires_grad
        }
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def to_tensor(self, array: np.ndarray) -> Tensor:
        """An array on the model's device; floats in the model's dtype."""
        # torch takes no negative strides, and no arrays that may not be written.
        tensor = torch.from_numpy(np.require(array, requirements=["C_CONTIGUOUS", "WRITEABLE"]))
        return tensor.to(self._device, self._dtype if tensor.is_floating_point() else None)

    def _check(self, objective: Objective) -> None:
        """Refuse another likelihood than the model was made with."""
        if objective.likelihood != self.model.options.likelihood:
            expected = self.model.options.likelihood
            raise InputError(f"likelihood: expected {expected}, as the model has it, got {objective.likelihood}")

    def _batch(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Images, noise and condition as tensors."""
        images = self.to_tensor(x)
        given = None if labels is None else self.to_tensor(labels)
        return images, self.to_tensor(eps), self.model.condition(images, given)

    def _forward(self, network: Any, x: Tensor, eps: Tensor, c: Tensor | None) -> Any:
        """One forward pass. With bf16 its products are in bfloat16; its results are in float32."""
        if self._precision != "bf16":
            return network(x, eps, c)
        with torch.autocast(self._device.type, torch.bfloat16):
            run = network(x, eps, c)
        return type(run)(*(value.float() if value.dtype == torch.bfloat16 else value for value in run))


class PaperRung(ModelRung):
    """The plain VAE of an architecture, made from given parameters: rung 3 as parity compares it."""

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        objective: Objective = Objective(),  # noqa: B008  (frozen)
        device: str = "cpu",
    ) -> None:
        check_parameters(architecture, parameters)
        self.architecture = architecture
        options = VAEOptions(
            latent_dim=architecture.latent_dim,
            channels=architecture.channels,
            hidden_dims=(architecture.hidden_dim,),
            likelihood=objective.likelihood,
            sigma=objective.sigma,
        )
        model = make_model(options, architecture.image_shape, 0)
        model.to(torch.from_numpy(parameters["encoder.mu.weight"]).dtype)
        model.load_state_dict({name: torch.tensor(value) for name, value in parameters.items()})
        super().__init__(model.to(device), OptimizerOptions(learning_rate=learning_rate))


def make_optimizer(model: Model, options: OptimizerOptions) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) over the model's parameters.

    `fused` updates all of them in one call: on a CPU too it takes a fifth of the time of a loop over them.
    """
    kind = OPTIMIZERS[options.name]
    choices = {"lr": options.learning_rate, "eps": options.epsilon, "weight_decay": options.weight_decay}
    return kind(model.parameters(), **choices, fused=True)


def make_rung(
    options: TrainOptions,
    image_shape: tuple[int, int, int],
    class_count: int,
    rng: np.random.Generator,
    images: np.ndarray | None = None,
) -> ModelRung:
    """A fresh model as its options ask, on their device, its first values drawn from the generator.

    `images` are those that it is to be trained on, for `init="glorot"`; see `make_model`.
    """
    device = choose_device(options.device)
    dtype = DTYPES[options.precision]
    if device.type == "mps" and dtype == torch.float64:
        raise InputError("precision: MPS has no float64, expected float32 or bf16")
    if options.compile:
        check_compiler(device)
    model = make_model(options.model, image_shape, class_count, rng, dtype, images).to(device)
    return ModelRung(model, options.optimizer, options.precision, options.compile)


def shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors, or of arrays, by name."""
    return {name: tuple(value.shape) for name, value in tensors.items()}


def to_array(tensor: Tensor) -> np.ndarray:
    """A tensor of any device as a NumPy array."""
    return tensor.detach().cpu().numpy()
