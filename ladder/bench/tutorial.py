"""The baseline of rung 3: the same network with the training loop and the data loading of common tutorials."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class PlainVAE(nn.Module):
    """The default architecture, for grey images of 28×28 and Z latents."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 256),
            nn.ReLU(),
        )
        self.mu, self.logvar = nn.Linear(256, latent_dim), nn.Linear(256, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 256),
            nn.ReLU(),
            nn.Linear(256, 64 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


def plain_step(latent_dim: int) -> Callable[[Tensor], float]:
    """A function that trains one new model on one batch per call."""
    model = PlainVAE(latent_dim)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(x: Tensor) -> float:
        logits, mu, logvar = model(x)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = (reconstruction + kl) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


class Pictures(Dataset):
    """Images (N, 28, 28) of uint8, read as in torchvision's MNIST: one by one, through PIL and ToTensor."""

    def __init__(self, images: np.ndarray) -> None:
        from torchvision.transforms import ToTensor

        self.images, self.transform = torch.from_numpy(images), ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.transform(Image.fromarray(self.images[i].numpy()))


def plain_batches(images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """Shuffled batches, for any number of epochs."""
    loader = DataLoader(Pictures(images), batch_size, shuffle=True)
    while True:
        yield from loader
