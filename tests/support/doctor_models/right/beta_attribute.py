"""A beta-VAE with beta in the model, whose forward returns its own loss in a record."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Output:
    loss: torch.Tensor
    recon: torch.Tensor


class BetaVAE(nn.Module):
    def __init__(self, beta=2.0):
        super().__init__()
        self.beta = beta
        self.encoder = nn.Sequential(nn.Linear(784, 32), nn.SiLU())
        self.mean, self.log_variance = nn.Linear(32, 5), nn.Linear(32, 5)
        self.decoder = nn.Sequential(nn.Linear(5, 32), nn.SiLU(), nn.Linear(32, 784), nn.Sigmoid())

    def forward(self, x):
        x = x.reshape(len(x), -1)
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.randn_like(mean).mul(log_variance.mul(0.5).exp())
        recon = self.decoder(z)
        reconstruction = F.binary_cross_entropy(recon, x, reduction="none").sum(-1).mean()
        kl = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(-1).mean()
        return Output(reconstruction + self.beta * kl, recon)
