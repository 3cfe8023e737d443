"""Fault: z-detached. sample() of a Normal where rsample() is meant."""

import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence


class VAE(nn.Module):
    def __init__(self, z=5):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(784, 64), nn.Tanh(), nn.Linear(64, 2 * z))
        self.dec = nn.Sequential(nn.Linear(z, 64), nn.Tanh(), nn.Linear(64, 784))

    def forward(self, x):
        m, s = self.enc(x).chunk(2, -1)
        q = Normal(m, F.softplus(s))
        z = q.sample()
        return q, Bernoulli(logits=self.dec(z))

    def loss(self, x):
        q, p = self(x)
        return (kl_divergence(q, Normal(0.0, 1.0)).sum(1) - p.log_prob(x).sum(1)).mean()
