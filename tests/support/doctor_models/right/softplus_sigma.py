"""sigma by a softplus with a small constant; a dict is returned, and the loss reads it."""

import torch
import torch.nn.functional as F
from torch import nn


class VariationalAutoencoder(nn.Module):
    def __init__(self, input_dim=784, hidden_dim=32, latent_dim=5):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU())
        self.to_mean, self.to_sigma = nn.Linear(hidden_dim, latent_dim), nn.Linear(hidden_dim, latent_dim)
        self.net = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, input_dim))

    def forward(self, x):
        h = self.body(x)
        mean, sigma = self.to_mean(h), F.softplus(self.to_sigma(h)) + 1e-6
        z = mean + sigma * torch.randn_like(sigma)
        return {"x_hat": torch.sigmoid(self.net(z)), "mean": mean, "sigma": sigma, "z": z}


def vae_loss(out, x):
    rec = -(x * torch.log(out["x_hat"] + 1e-9) + (1 - x) * torch.log(1 - out["x_hat"] + 1e-9)).sum(-1)
    kl = (-torch.log(out["sigma"]) + (out["sigma"] ** 2 + out["mean"] ** 2 - 1) / 2).sum(-1)
    return (rec + kl).mean()
