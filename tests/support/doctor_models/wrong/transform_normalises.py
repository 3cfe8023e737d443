"""Fault: targets. The transform of the data gives [-1, 1], and the loss is BCE."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision import transforms

transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])


class VAE(nn.Module):
    def __init__(self, hidden=40, latent=4):
        super().__init__()
        self.e = nn.Sequential(nn.Linear(784, hidden), nn.ReLU())
        self.mu = nn.Linear(hidden, latent)
        self.lv = nn.Linear(hidden, latent)
        self.d = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784), nn.Sigmoid())

    def forward(self, x):
        h = self.e(x.view(x.size(0), -1))
        mu, lv = self.mu(h), self.lv(h)
        std = torch.exp(0.5 * lv)
        return self.d(mu + std * torch.randn_like(std)), mu, lv


def criterion(recon, x, mu, lv):
    return F.binary_cross_entropy(recon, x.view(x.size(0), -1), reduction="sum") - 0.5 * torch.sum(
        1 + lv - mu**2 - lv.exp()
    )
