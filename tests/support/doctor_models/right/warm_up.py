"""The weight of the KL grows with the number of steps."""

import torch
import torch.nn.functional as F
from torch import nn


class AnnealedVAE(nn.Module):
    def __init__(self, warmup_steps=1000):
        super().__init__()
        self.warmup_steps = warmup_steps
        self.global_step_ = 0
        self.enc = nn.Sequential(nn.Linear(784, 32), nn.ReLU())
        self.m = nn.Linear(32, 4)
        self.v = nn.Linear(32, 4)
        self.dec = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 784))

    def forward(self, x):
        h = self.enc(x)
        mu, lv = self.m(h), self.v(h)
        z = mu + (lv / 2).exp() * torch.randn_like(mu)
        return self.dec(z), mu, lv

    def loss(self, x):
        self.global_step_ += 1
        w = min(1.0, (self.global_step_ - 1) / self.warmup_steps)
        r, mu, lv = self(x)
        return (
            F.binary_cross_entropy_with_logits(r, x, reduction="none").sum(1)
            + w * 0.5 * (mu**2 + lv.exp() - 1 - lv).sum(1)
        ).mean()
