"""The functions of the exercise in pieces, so that a mistake can replace one. Needs torch.

`loss_with()`, `gradients_with()` and `train_with()` without arguments are right.
"""

import torch
import torch.nn.functional as F

from exercises.kit.tensors import differentiated, tensors
from pytorch_lowlevel import vae_lowlevel as vae


def nats(logits, x):
    """-log p(x|z), summed over pixels and batch."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def loss_with(
    reconstruction=lambda logits, x: nats(logits, x) / len(x),
    kl=lambda mu, logvar: vae.kl_divergence(mu, logvar) / len(mu),
    total=lambda reconstruction, kl, beta: reconstruction + beta * kl,
    shown=lambda parts: parts,
):
    """`loss` with some pieces replaced."""

    @differentiated("logits", "mu", "logvar")
    def loss(logits, x, mu, logvar, beta):
        parts = reconstruction(logits, x), kl(mu, logvar)
        return shown({"loss": total(*parts, beta), "reconstruction": parts[0], "kl": parts[1]})

    return loss


_loss = loss_with()


def forward(parameters, x, eps):
    """The rung's."""
    run = vae.forward(parameters, x, eps)
    return run.mu, run.logvar, run.logits


def forward_with(seen_by_decoder):
    """The rung's, where the decoder gets `seen_by_decoder(mu, logvar, eps)` for z."""

    def forward(parameters, x, eps):
        mu, logvar = vae.encode(parameters, x)
        return mu, logvar, vae.decode(parameters, seen_by_decoder(mu, logvar, eps), x.shape[2:])

    return forward


def grad(value, parameters):
    """By name."""
    return dict(zip(parameters, torch.autograd.grad(value, list(parameters.values())), strict=True))


def gradients_with(forward=forward, total=lambda loss, parameters: loss["loss"], after=grad, beta=lambda beta: beta):
    """`gradients` with some pieces replaced: `after(value, parameters)` is its last line."""
    weight = beta

    @tensors("parameters")
    def gradients(parameters, x, eps, beta):
        mu, logvar, logits = forward(parameters, x, eps)
        return after(total(_loss(logits, x, mu, logvar, weight(beta)), parameters), parameters)

    return gradients


def by_backward(value, parameters):
    """The gradients that `backward` leaves in .grad."""
    value.backward()
    return {name: parameter.grad for name, parameter in parameters.items()}


def twice(value, parameters):
    """The same, where two backward passes add up."""
    value.backward(retain_graph=True)
    return by_backward(value, parameters)


def clipped(value, parameters):
    """The same, at most of length 1 together."""
    found = by_backward(value, parameters)
    torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
    return found


def of_copies(value, parameters):
    """Of tensors that the loss was not computed from."""
    copies = [parameter.detach().clone().requires_grad_() for parameter in parameters.values()]
    return dict(zip(parameters, torch.autograd.grad(value, copies), strict=True))


# Training

ADAM = (0.9, 0.999), 1e-8


def train_with(step, start=lambda parameters, rate: torch.optim.Adam(parameters.values(), lr=rate), **options):
    """`train` with one optimiser and this step for each batch: step(optimizer, loss, parameters, rate).

    Options: the batch that a step takes its noise from, β, the loss that is returned, and what is returned last.
    """
    noise, weight = options.get("noise", lambda eps, step: eps[step]), options.get("beta", lambda beta: beta)
    said = options.get("said", lambda parts, x: parts["loss"].item())
    result = options.get("result", lambda losses, parameters: {"losses": losses, "parameters": parameters})

    @tensors("parameters")
    def train(parameters, x, eps, beta, learning_rate):
        optimizer, losses = start(parameters, learning_rate), []
        for number, batch in enumerate(x):
            mu, logvar, logits = forward(parameters, batch, noise(eps, number))
            parts = _loss(logits, batch, mu, logvar, weight(beta))
            step(optimizer, parts, parameters, learning_rate)
            losses.append(said(parts, batch))
        return result(losses, parameters)

    return train


def usual(optimizer, parts, parameters, rate):
    """The three lines of most training loops."""
    optimizer.zero_grad()
    parts["loss"].backward()
    optimizer.step()


def never_zero(optimizer, parts, parameters, rate):
    """Gradients add up over the batches."""
    parts["loss"].backward()
    optimizer.step()


def stepping_first(optimizer, parts, parameters, rate):
    """Each step uses the gradients of the batch before."""
    optimizer.step()
    optimizer.zero_grad()
    parts["loss"].backward()


def zeroed_between(optimizer, parts, parameters, rate):
    """The gradients are gone before the step."""
    parts["loss"].backward()
    optimizer.zero_grad()
    optimizer.step()


def part_by_part(optimizer, parts, parameters, rate):
    """Two backward passes over one tape."""
    optimizer.zero_grad()
    parts["reconstruction"].backward()
    parts["kl"].backward()
    optimizer.step()


def recorded(optimizer, parts, parameters, rate):
    """The update in place, without no_grad."""
    for name, g in grad(parts["loss"], parameters).items():
        parameters[name] -= rate * g


def afresh(optimizer, parts, parameters, rate):
    """An optimiser for each batch."""
    usual(torch.optim.Adam(parameters.values(), lr=rate), parts, parameters, rate)


def train_one_loss(parts, x):
    """The loss of the whole batch."""
    return parts["loss"].item() * len(x)


class AdamByHand:
    """Adam's formulas, on tensors that are leaves."""

    def __init__(self, parameters, rate):
        self.m = {name: torch.zeros_like(value) for name, value in parameters.items()}
        self.v = {name: torch.zeros_like(value) for name, value in parameters.items()}
        self.t = 0

    def move(self, parts, parameters, rate):
        """The change of each parameter, by name."""
        self.t += 1
        (b1, b2), eps = ADAM
        changes = {}
        with torch.no_grad():
            for name, g in grad(parts["loss"], parameters).items():
                self.m[name] = b1 * self.m[name] + (1 - b1) * g
                self.v[name] = b2 * self.v[name] + (1 - b2) * g * g
                m, v = self.m[name] / (1 - b1**self.t), self.v[name] / (1 - b2**self.t)
                changes[name] = -rate * m / (torch.sqrt(v) + eps)
        return changes


def by_hand(optimizer, parts, parameters, rate):
    """In place, under no_grad."""
    for name, change in optimizer.move(parts, parameters, rate).items():
        with torch.no_grad():
            parameters[name] += change


def new_leaves(optimizer, parts, parameters, rate):
    """A new leaf for each parameter."""
    for name, change in optimizer.move(parts, parameters, rate).items():
        parameters[name] = (parameters[name] + change).detach().requires_grad_()


def attached(optimizer, parts, parameters, rate):
    """New parameters that hang on the tape of all steps before."""
    for name, change in optimizer.move(parts, parameters, rate).items():
        parameters[name] = parameters[name] + change
