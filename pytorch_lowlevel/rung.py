"""Rung 2 behind the contract that training, parity and figures use."""

from pathlib import Path

import numpy as np
import torch

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.objective import Loss, Objective
from foundation.rung import (
    Description,
    Pass,
    Traits,
    batch_shapes,
    check_batch,
    describe_architecture,
    draw_pixels,
    no_codes,
    no_mask,
    parameter_table,
)
from foundation.weights import check_moments
from pytorch_lowlevel import vae_lowlevel as vae
from pytorch_lowlevel.optim import Adam


class LowlevelRung:
    """`foundation.rung.Rung` over `pytorch_lowlevel.vae_lowlevel`."""

    name = "pytorch_lowlevel"
    traits = Traits()
    read_every = 1
    processes = 1

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        description: Description | None = None,
        device: str = "cpu",
    ) -> None:
        check_parameters(architecture, parameters)
        self.architecture = architecture
        self.description = description or describe_architecture(architecture)
        self._shapes = batch_shapes(architecture)
        self.device = torch.device(device).type
        self._device = device
        self.threads = torch.get_num_threads()
        self.dtype = parameters["encoder.mu.weight"].dtype
        self._parameters = {
            name: torch.tensor(parameters[name], device=device, requires_grad=True)
            for name in architecture.parameter_shapes()
        }
        self._optimizer = Adam(self._parameters, learning_rate)

    @property
    def learning_rate(self) -> float:
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._optimizer.learning_rate = rate

    def noise_shape(self, count: int) -> tuple[int, int]:
        return count, self.architecture.latent_dim

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        images, noise = self._tensors(x=x, eps=eps)
        return _floats(vae.train_step(self._parameters, self._optimizer, images, noise, objective))

    @torch.no_grad()
    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        images, noise = self._tensors(x=x, eps=eps)
        mu, logvar, _, logits = vae.forward(self._parameters, images, noise)
        return _floats(vae.loss(logits, images, mu, logvar, objective))

    def differentiate(
        self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None
    ) -> Pass:
        images, noise = self._tensors(x=x, eps=eps)
        mu, logvar, _, logits = vae.forward(self._parameters, images, noise)
        loss = vae.loss(logits, images, mu, logvar, objective)
        gradients = {name: _array(g) for name, g in vae.backward(self._parameters, loss).items()}
        return Pass(_array(mu), _array(logvar), _array(logits), _floats(loss), gradients)

    @torch.no_grad()
    def activations(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None = None) -> Parameters:
        run = vae.forward(self._parameters, *self._tensors(x=x, eps=eps))
        return {name: _array(value) for name, value in run._asdict().items()}

    def condition(self, x: np.ndarray | None, labels: np.ndarray | None) -> None:
        return None

    @torch.no_grad()
    def encode(self, x: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        mu, logvar = vae.encode(self._parameters, *self._tensors(x=x))
        return _array(mu), _array(logvar)

    def code(self, mu: np.ndarray, logvar: np.ndarray | None) -> np.ndarray:
        return mu

    def prior(self, eps: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, eps=eps)
        return eps

    @torch.no_grad()
    def decode(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        (latents,) = self._tensors(z=z)
        return _array(vae.decode(self._parameters, latents, self.architecture.image_shape[1:]))

    @torch.no_grad()
    def reconstruct(self, x: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        return _array(vae.reconstruct(self._parameters, *self._tensors(x=x)))

    @torch.no_grad()
    def sample(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        (latents,) = self._tensors(z=z)
        return _array(vae.sample(self._parameters, latents, self.architecture.image_shape[1:]))

    def draw(self, z: np.ndarray, c: np.ndarray | None, seed: int) -> np.ndarray:
        return draw_pixels(self.sample(z), self.description.options, seed)

    def mask(self) -> np.ndarray:
        raise no_mask(self.description)

    def codes(self, x: np.ndarray) -> np.ndarray:
        raise no_codes(self.description)

    def summary(self) -> str:
        return parameter_table(self.parameters())

    def parameters(self) -> Parameters:
        return {name: _array(value).copy() for name, value in self._parameters.items()}

    def optimizer_state(self) -> Parameters:
        return {name: _array(value).copy() for name, value in self._optimizer.state().items()}

    @torch.no_grad()
    def restore(self, parameters: Parameters, optimizer_state: Parameters, source: str | Path = "parameters") -> None:
        check_parameters(self.architecture, parameters, str(source))
        if optimizer_state:
            check_moments(optimizer_state, self.architecture.parameter_shapes(), source)
        for name, value in parameters.items():
            self._parameters[name].copy_(torch.from_numpy(value))
        if optimizer_state:
            self._optimizer.restore({name: torch.from_numpy(value) for name, value in optimizer_state.items()})

    def _tensors(self, **arrays: np.ndarray) -> list[torch.Tensor]:
        check_batch(self._shapes, self.dtype, **arrays)
        # torch takes no negative strides, such as those of x[..., ::-1].
        return [torch.tensor(np.ascontiguousarray(array), device=self._device) for array in arrays.values()]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _floats(loss: Loss) -> Loss:
    return Loss(*torch.stack(loss).tolist())
