"""Dropout, batch normalization and a clamp of the log-variance."""

import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, z_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3))
        self.mean, self.logvar = nn.Linear(64, z_dim), nn.Linear(64, z_dim)

    def forward(self, x):
        h = self.net(x)
        return self.mean(h), self.logvar(h).clamp(-10, 10)


class Decoder(nn.Module):
    def __init__(self, z_dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(z_dim, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 784)
        )

    def forward(self, z):
        return torch.sigmoid(self.net(z)).view(-1, 1, 28, 28)


class VAE(nn.Module):
    def __init__(self, z_dim=6, beta=1.0):
        super().__init__()
        self.encoder, self.decoder, self.beta = Encoder(z_dim), Decoder(z_dim), beta

    def sample(self, n):
        return self.decoder(torch.randn(n, 6))

    def forward(self, x):
        mean, logvar = self.encoder(x)
        eps = torch.randn_like(mean)
        z = mean + eps * torch.exp(logvar * 0.5)
        return self.decoder(z), mean, logvar, z


def elbo_loss(recon, target, mean, logvar, beta=1.0):
    n = target.shape[0]
    bce = nn.BCELoss(reduction="sum")(recon, target)
    kld = 0.5 * torch.sum(logvar.exp() + mean**2 - 1.0 - logvar)
    return (bce + beta * kld) / n
