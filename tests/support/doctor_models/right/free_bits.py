"""Free bits: a floor under the KL of each latent."""

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
    kl = 0.5 * (mu**2 + lv.exp() - 1 - lv).mean(0).clamp(min=0.1).sum()
    return F.binary_cross_entropy_with_logits(recon, x, reduction="none").sum(1).mean() + kl
