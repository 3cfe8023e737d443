"""Dicts for the encoder, for forward and for the loss."""

import torch
import torch.nn.functional as F
from torch import nn


class Model(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        self.e = nn.Linear(784, 2 * 7)
        self.d = nn.Linear(7, 784)

    def encode(self, x):
        h = self.e(x.flatten(1))
        return {"mu": h[:, :7], "logvar": h[:, 7:]}

    def reparametrize(self, stats):
        return stats["mu"] + torch.exp(0.5 * stats["logvar"]) * torch.randn_like(stats["mu"])

    def decode(self, z):
        return self.d(z).view(-1, 1, 28, 28)

    def forward(self, x):
        s = self.encode(x)
        z = self.reparametrize(s)
        return {"recon": self.decode(z), "z": z, **s}

    def loss_function(self, x, out):
        rec = F.binary_cross_entropy_with_logits(out["recon"], x, reduction="sum") / len(x)
        kld = torch.mean(-0.5 * torch.sum(1 + out["logvar"] - out["mu"] ** 2 - out["logvar"].exp(), dim=1))
        return {"loss": rec + kld, "rec": rec, "kld": kld}
