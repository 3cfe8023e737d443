"""Rung 3 behind the interface that training, parity and figures use."""

import numpy as np
import torch

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.objective import Loss, Objective
from foundation.rung import Pass, check_batch
from paper import vae_paper as vae


class PaperRung:
    """`foundation.rung.Rung` over `paper.vae_paper`."""

    name = "paper"

    def __init__(
        self, architecture: Architecture, parameters: Parameters, learning_rate: float = 1e-3, device: str = "cpu"
    ) -> None:
        check_parameters(architecture, parameters)
        self.architecture = architecture
        self._device = torch.device(device)
        self._dtype = parameters["encoder.mu.weight"].dtype
        self._model = vae.VAE(architecture)
        self._model.load_state_dict({name: torch.tensor(value) for name, value in parameters.items()}, assign=True)
        self._model.requires_grad_().to(self._device)
        self._optimizer = torch.optim.Adam(self._model.parameters(), lr=learning_rate)

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        return _floats(vae.train_step(self._model, self._optimizer, *self._tensors(x=x, eps=eps), objective))

    @torch.no_grad()
    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        x, eps = self._tensors(x=x, eps=eps)
        mu, logvar, _, logits = self._model(x, eps)
        return _floats(vae.loss(logits, x, mu, logvar, objective))

    def differentiate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Pass:
        x, eps = self._tensors(x=x, eps=eps)
        mu, logvar, _, logits = self._model(x, eps)
        loss = vae.loss(logits, x, mu, logvar, objective)
        names, values = zip(*self._model.named_parameters(), strict=True)
        gradients = dict(zip(names, map(_array, torch.autograd.grad(loss.loss, values)), strict=True))
        return Pass(_array(mu), _array(logvar), _array(logits), _floats(loss), gradients)

    @torch.no_grad()
    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu, logvar = self._model.encoder(*self._tensors(x=x))
        return _array(mu), _array(logvar)

    @torch.no_grad()
    def decode(self, z: np.ndarray) -> np.ndarray:
        return _array(self._model.decoder(*self._tensors(z=z)))

    @torch.no_grad()
    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return _array(vae.reconstruct(self._model, *self._tensors(x=x)))

    @torch.no_grad()
    def sample(self, z: np.ndarray) -> np.ndarray:
        return _array(vae.sample(self._model, *self._tensors(z=z)))

    def parameters(self) -> Parameters:
        return {name: _array(value).copy() for name, value in self._model.state_dict().items()}

    def _tensors(self, **arrays: np.ndarray) -> list[torch.Tensor]:
        check_batch(self.architecture, self._dtype, **arrays)
        # torch takes no negative strides, such as those of x[..., ::-1].
        return [torch.tensor(np.ascontiguousarray(array), device=self._device) for array in arrays.values()]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _floats(loss: Loss) -> Loss:
    return Loss(*torch.stack(loss).tolist())
