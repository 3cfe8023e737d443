"""torch.distributions throughout: Normal, Bernoulli, rsample and kl_divergence."""

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


class VAE(nn.Module):
    def __init__(self, latent_dim=5):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 2 * latent_dim))
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 32), nn.ReLU(), nn.Linear(32, 784))
        self.prior = Independent(Normal(torch.zeros(latent_dim), torch.ones(latent_dim)), 1)

    def encode(self, x):
        loc, scale = self.encoder(x).chunk(2, dim=-1)
        return Independent(Normal(loc, nn.functional.softplus(scale)), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.decoder(z)), 1)

    def elbo(self, x):
        q = self.encode(x)
        return (self.decode(q.rsample()).log_prob(x) - kl_divergence(q, self.prior)).mean()
