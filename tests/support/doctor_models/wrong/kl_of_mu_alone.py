"""Fault: kl-terms. The penalty is on mu alone."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Linear(784, 12)
        self.d = nn.Linear(6, 784)

    def forward(self, x):
        mu, lv = self.e(x).chunk(2, 1)
        return self.d(mu + (lv / 2).exp() * torch.randn_like(mu)), mu, lv


def loss_function(recon, x, mu, lv):
    return F.binary_cross_entropy_with_logits(recon, x, reduction="none").sum(1).mean() + 0.5 * (mu**2).sum(1).mean()
