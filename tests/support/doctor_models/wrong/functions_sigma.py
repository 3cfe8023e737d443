"""Fault: sigma-or-variance. Functions alone; the KL takes sigma for the variance."""

import torch

W1 = torch.randn(784, 50, requires_grad=True)
Wm = torch.randn(50, 3, requires_grad=True)
Ws = torch.randn(50, 3, requires_grad=True)
with torch.no_grad():
    W1 *= 0.03
    Wm *= 0.1
    Ws *= 0.1
W2 = torch.randn(3, 784, requires_grad=True)


def encoder(x):
    h = torch.relu(x @ W1)
    return h @ Wm, torch.exp(h @ Ws)


def sample_z(mu, sigma):
    return mu + sigma * torch.randn_like(sigma)


def decoder(z):
    return torch.sigmoid(z @ W2)


def vae_loss(x, x_hat, mu, sigma):
    bce = -(x * torch.log(x_hat + 1e-8) + (1 - x) * torch.log(1 - x_hat + 1e-8)).sum(1)
    kl = -0.5 * (1 + torch.log(sigma) - mu**2 - sigma).sum(1)
    return (bce + kl).mean()
