"""Fault: double-sigmoid. The decoder ends in a sigmoid, and forward applies another."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 12))
        self.dec = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 784), nn.Sigmoid())

    def forward(self, x):
        mu, lv = self.enc(x)[:, :6], self.enc(x)[:, 6:]
        z = mu + torch.exp(lv / 2) * torch.randn_like(mu)
        return torch.sigmoid(self.dec(z)), mu, lv


def loss_function(recon, x, mu, lv):
    return F.binary_cross_entropy(recon, x, reduction="sum") - 0.5 * torch.sum(1 + lv - mu.pow(2) - lv.exp())
