"""Adam with torch operations: made over a dict of parameters, which `step(gradients)` updates in place."""

import math

import torch
from torch import Tensor


class Adam:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), with eps outside the root as in `torch.optim.Adam`.

    m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  parameter -= learning_rate * m^ / (sqrt(v^) + eps)
    with the bias-corrected m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t).
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.betas = betas
        self.eps = eps
        self.t = 0
        self.m = {name: torch.zeros_like(value) for name, value in parameters.items()}
        self.v = {name: torch.zeros_like(value) for name, value in parameters.items()}

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """One update of every parameter; the gradients stay as they are."""
        self.t += 1
        b1, b2 = self.betas
        for name, parameter in self.parameters.items():
            g, m, v = gradients[name], self.m[name], self.v[name]
            m.lerp_(g, 1 - b1)
            v.mul_(b2).addcmul_(g, g, value=1 - b2)
            denominator = (v.sqrt() / math.sqrt(1 - b2**self.t)).add_(self.eps)
            parameter.addcdiv_(m, denominator, value=-self.learning_rate / (1 - b1**self.t))

    def state(self) -> dict[str, Tensor]:
        """A copy of the step count and of both moments, as `<parameter>.<moment>`; empty before the first step."""
        steps = dict.fromkeys(self.parameters, torch.tensor(self.t, dtype=torch.float64))
        moments = {"exp_avg": self.m, "exp_avg_sq": self.v, "step": steps}
        return {
            f"{name}.{moment}": values[name].clone()
            for name in self.parameters
            for moment, values in moments.items()
            if self.t
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for name in self.parameters:
            self.m[name].copy_(state[f"{name}.exp_avg"])
            self.v[name].copy_(state[f"{name}.exp_avg_sq"])
            self.t = int(state[f"{name}.step"])
