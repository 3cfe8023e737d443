"""The KL from the drawn z itself, log q - log p, and a step as Lightning has it, without Lightning."""

import torch
from torch import nn
from torch.distributions import Normal


class LitVAE(nn.Module):
    def __init__(self, latent_dim: int = 5, lr: float = 1e-3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU())
        self.fc_mu, self.fc_var = nn.Linear(32, latent_dim), nn.Linear(32, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 32), nn.ReLU(), nn.Linear(32, 784))
        self.log_scale = nn.Parameter(torch.zeros(1))

    def sample(self, mu, log_var):
        std = torch.exp(log_var / 2)
        p, q = Normal(torch.zeros_like(mu), torch.ones_like(std)), Normal(mu, std)
        return p, q, q.rsample()

    def step(self, batch):
        x, _ = batch
        h = self.encoder(x)
        p, q, z = self.sample(self.fc_mu(h), self.fc_var(h))
        mean = self.decoder(z)
        log_p_x = Normal(mean, self.log_scale.exp()).log_prob(x.flatten(1)).sum(1)
        kl = (q.log_prob(z) - p.log_prob(z)).sum(1)
        return (kl - log_p_x).mean(), {"kl": kl.mean()}

    def training_step(self, batch, batch_idx):
        loss, logs = self.step(batch)
        self.log_dict({f"train_{name}": value for name, value in logs.items()})
        return loss

    def validation_step(self, batch, batch_idx):
        loss, _ = self.step(batch)
        self.log("val_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
