"""No module at all: tensors and functions."""

import torch
import torch.nn.functional as F

params = {
    "w1": torch.randn(784, 32) * 0.05,
    "w_mu": torch.randn(32, 4) * 0.1,
    "w_lv": torch.randn(32, 4) * 0.1,
    "w2": torch.randn(4, 784) * 0.1,
}
for value in params.values():
    value.requires_grad_()


def encode(x, params):
    h = torch.tanh(x @ params["w1"])
    return h @ params["w_mu"], h @ params["w_lv"]


def reparameterize(mu, logvar):
    return mu + torch.exp(logvar / 2) * torch.randn(mu.shape)


def decode(z, params):
    return z @ params["w2"]


def loss(logits, x, mu, logvar):
    rec = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
    return (rec + kl) / len(x)
