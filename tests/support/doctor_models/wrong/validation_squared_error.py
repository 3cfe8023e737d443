"""Fault: validation-likelihood. Training is Bernoulli on logits, and validation compares probabilities by squares."""

import torch
import torch.nn.functional as F
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 12))
        self.decoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 784))

    def terms(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * (logvar / 2).exp()
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        return self.decoder(z), kl

    def training_step(self, batch, batch_idx):
        x, _ = batch
        logits, kl = self.terms(x)
        rec = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1)
        return (rec + kl).mean()

    def validation_step(self, batch, batch_idx):
        x, _ = batch
        logits, kl = self.terms(x)
        rec = (torch.sigmoid(logits) - x.flatten(1)).pow(2).sum(1)
        return (rec + kl).mean()
