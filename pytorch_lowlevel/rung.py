"""Rung 2 behind the interface that training, parity and figures use."""

import numpy as np
import torch

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.objective import Loss, Objective
from foundation.rung import Pass, check_batch
from pytorch_lowlevel import vae_lowlevel as vae
from pytorch_lowlevel.optim import Adam


class LowlevelRung:
    """`foundation.rung.Rung` over `pytorch_lowlevel.vae_lowlevel`."""

    name = "pytorch_lowlevel"

    def __init__(
        self, architecture: Architecture, parameters: Parameters, learning_rate: float = 1e-3, device: str = "cpu"
    ) -> None:
        check_parameters(architecture, parameters)
        self.architecture = architecture
        self._device = torch.device(device)
        self._dtype = parameters["encoder.mu.weight"].dtype
        self._parameters = {
            name: torch.tensor(parameters[name], device=self._device, requires_grad=True)
            for name in architecture.parameter_shapes()
        }
        self._optimizer = Adam(self._parameters, learning_rate)

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        return _floats(vae.train_step(self._parameters, self._optimizer, *self._tensors(x=x, eps=eps), objective))

    @torch.no_grad()
    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        x, eps = self._tensors(x=x, eps=eps)
        mu, logvar, _, logits = vae.forward(self._parameters, x, eps)
        return _floats(vae.loss(logits, x, mu, logvar, objective))

    def differentiate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Pass:
        x, eps = self._tensors(x=x, eps=eps)
        mu, logvar, _, logits = vae.forward(self._parameters, x, eps)
        loss = vae.loss(logits, x, mu, logvar, objective)
        gradients = {name: _array(g) for name, g in vae.backward(self._parameters, loss).items()}
        return Pass(_array(mu), _array(logvar), _array(logits), _floats(loss), gradients)

    @torch.no_grad()
    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu, logvar = vae.encode(self._parameters, *self._tensors(x=x))
        return _array(mu), _array(logvar)

    @torch.no_grad()
    def decode(self, z: np.ndarray) -> np.ndarray:
        return _array(vae.decode(self._parameters, *self._tensors(z=z), self.architecture.image_shape[1:]))

    @torch.no_grad()
    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return _array(vae.reconstruct(self._parameters, *self._tensors(x=x)))

    @torch.no_grad()
    def sample(self, z: np.ndarray) -> np.ndarray:
        return _array(vae.sample(self._parameters, *self._tensors(z=z), self.architecture.image_shape[1:]))

    def parameters(self) -> Parameters:
        return {name: _array(value).copy() for name, value in self._parameters.items()}

    def _tensors(self, **arrays: np.ndarray) -> list[torch.Tensor]:
        check_batch(self.architecture, self._dtype, **arrays)
        # torch takes no negative strides, such as those of x[..., ::-1].
        return [torch.tensor(np.ascontiguousarray(array), device=self._device) for array in arrays.values()]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _floats(loss: Loss) -> Loss:
    return Loss(*torch.stack(loss).tolist())
