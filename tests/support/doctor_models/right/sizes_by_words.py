"""Sizes without default values, by names that contain the beginnings of others."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, n_features, encoder_dim, hidden_units: list[int], code_dim, n_classes):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(n_features, encoder_dim), nn.ReLU(), nn.Linear(encoder_dim, hidden_units[-1])
        )
        self.mu = nn.Linear(hidden_units[-1], code_dim)
        self.logvar = nn.Linear(hidden_units[-1], code_dim)
        self.back = nn.Linear(code_dim, 32)
        self.classifier = nn.Linear(code_dim, n_classes)
        self.out = nn.Linear(32, n_features)

    def encode(self, x):
        h = F.relu(self.hidden(x))
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.out(F.relu(self.back(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    rec = F.binary_cross_entropy(recon_x, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return rec + kl
