"""Encoder and decoder as classes of their own; a loss class; the noise comes out of a layer."""

import torch
import torch.nn.functional as F
from torch import nn


class Sampling(nn.Module):
    def forward(self, mu, log_var):
        return mu + torch.exp(log_var / 2) * torch.normal(torch.zeros_like(mu), torch.ones_like(mu))


class Encoder(nn.Module):
    def __init__(self, input_dim, hidden_dim, latent_dim):
        super().__init__()
        self.fc, self.fc_mu, self.fc_var = (
            nn.Linear(*s) for s in ((input_dim, hidden_dim), *[(hidden_dim, latent_dim)] * 2)
        )
        self.sampling = Sampling()

    def forward(self, x):
        h = torch.relu(self.fc(x))
        mu, log_var = self.fc_mu(h), self.fc_var(h)
        return self.sampling(mu, log_var), mu, log_var


class Decoder(nn.Module):
    def __init__(self, latent_dim, hidden_dim, output_dim):
        super().__init__()
        self.fc, self.out = nn.Linear(latent_dim, hidden_dim), nn.Linear(hidden_dim, output_dim)

    def forward(self, z):
        return torch.sigmoid(self.out(torch.relu(self.fc(z))))


class VAE(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        z, mu, log_var = self.encoder(x)
        return self.decoder(z), mu, log_var


class VAELoss(nn.Module):
    def forward(self, x, x_hat, mean, log_var):
        reproduction = F.binary_cross_entropy(x_hat, x, reduction="sum")
        return reproduction - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())


model = VAE(Encoder(784, 32, 4), Decoder(4, 32, 784))
