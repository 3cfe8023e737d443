"""Fault: kl-never. A conditional VAE with labels as one-hot vectors, whose loss is the reconstruction alone."""

import torch
import torch.nn.functional as F
from torch import nn


class CVAE(nn.Module):
    def __init__(self, feature_size=784, latent_size=4, class_size=10):
        super().__init__()
        self.fc1 = nn.Linear(feature_size + class_size, 32)
        self.fc21, self.fc22 = nn.Linear(32, latent_size), nn.Linear(32, latent_size)
        self.fc3, self.fc4 = nn.Linear(latent_size + class_size, 32), nn.Linear(32, feature_size)

    def encode(self, x, c):
        h = F.elu(self.fc1(torch.cat([x, c], 1)))
        return self.fc21(h), self.fc22(h)

    def decode(self, z, c):
        return torch.sigmoid(self.fc4(F.elu(self.fc3(torch.cat([z, c], 1)))))

    def forward(self, x, c):
        mu, logvar = self.encode(x.view(-1, 784), c)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.decode(z, c), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    return BCE
