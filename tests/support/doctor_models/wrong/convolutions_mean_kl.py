"""Fault: reductions. A convolutional model whose training step averages the KL over latents."""

import torch
import torch.nn.functional as F
from torch import nn


class LitVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 4, 2, 1), nn.ReLU(), nn.Flatten()
        )
        self.mu = nn.Linear(16 * 49, 10)
        self.lv = nn.Linear(16 * 49, 10)
        self.decoder = nn.Sequential(
            nn.Linear(10, 16 * 49),
            nn.Unflatten(1, (16, 7, 7)),
            nn.ConvTranspose2d(16, 8, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, 2, 1),
        )

    def training_step(self, batch, batch_idx):
        x, _ = batch
        h = self.encoder(x)
        mu, lv = self.mu(h), self.lv(h)
        std = (0.5 * lv).exp()
        z = mu + std * torch.randn_like(std)
        xh = self.decoder(z)
        rec = F.binary_cross_entropy_with_logits(xh, x, reduction="none").sum(dim=(1, 2, 3)).mean()
        kl = -0.5 * (1 + lv - mu**2 - lv.exp()).mean()
        self.log("loss", rec + kl)
        return rec + kl
