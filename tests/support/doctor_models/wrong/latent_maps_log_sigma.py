"""Fault: sigma-or-variance. Latent maps; the sampler has log sigma, the KL takes it for the log-variance."""

import torch
from torch import nn


class ConvLatent(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 16, 4, 2, 1), nn.SiLU(), nn.Conv2d(16, 8, 4, 2, 1))
        self.decoder = nn.Sequential(nn.ConvTranspose2d(4, 16, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(16, 3, 4, 2, 1))

    def encode(self, x):
        return torch.chunk(self.encoder(x), 2, dim=1)

    def forward(self, x):
        mean, log_std = self.encode(x)
        z = mean + torch.exp(log_std) * torch.randn_like(mean)
        return self.decoder(z), mean, log_std

    def compute_loss(self, x):
        xr, mean, log_std = self(x)
        rec = 0.5 * ((xr - x) ** 2).flatten(1).sum(1)
        kl = 0.5 * (mean**2 + log_std.exp() - 1 - log_std).flatten(1).sum(1)
        return (rec + kl).mean()
