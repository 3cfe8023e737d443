"""The head is the log of sigma; the loss is a mean over the batch."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, latent_dim=6):
        super().__init__()
        self.hidden = nn.Linear(784, 32)
        self.mu = nn.Linear(32, latent_dim)
        self.logvar = nn.Linear(32, latent_dim)
        self.back = nn.Linear(latent_dim, 32)
        self.out = nn.Linear(32, 784)

    def encode(self, x):
        h = F.relu(self.hidden(x))
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.out(F.relu(self.back(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    rec = F.binary_cross_entropy(recon_x, x, reduction="sum") / x.size(0)
    kl = torch.sum(0.5 * (mu**2 + torch.exp(2 * logvar) - 1) - logvar) / x.size(0)
    return rec + kl
