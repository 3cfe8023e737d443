"""A learned standard deviation of pixels, and an ELBO that is to grow."""

import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self, x_dim=784, h_dim=30, z_dim=5):
        super().__init__()
        self.fc = nn.Linear(x_dim, h_dim)
        self.m = nn.Linear(h_dim, z_dim)
        self.s = nn.Linear(h_dim, z_dim)
        self.g = nn.Linear(z_dim, x_dim)
        self.log_sigma = nn.Parameter(torch.tensor(-1.0))

    def elbo(self, x):
        h = torch.tanh(self.fc(x))
        mu, sigma = self.m(h), torch.exp(self.s(h))
        z = mu + sigma * torch.randn(sigma.size())
        xm = self.g(z)
        logp = (-0.5 * ((x - xm) / self.log_sigma.exp()) ** 2 - self.log_sigma - 0.9189385).sum(-1)
        kl = (-sigma.log() + 0.5 * (sigma**2 + mu**2 - 1)).sum(-1)
        return (logp - kl).mean()
