"""Rung 3: the same VAE as the papers write it, with nn.Module and torch.optim, and models that extend it.

From Python:

    from paper import VAE, fit

    model = VAE(latent_dim=20)
    records = fit(model, images, epochs=10)
    model.sample(model.draw_latents(16, seed=0)).numpy()

Names are imported when they are first used, so that `import paper` needs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper.api import completion_vae, fit, load, log_prob, make
    from paper.export import save_hub, save_onnx
    from paper.models.autoencoder import Autoencoder
    from paper.models.base import Model
    from paper.models.beta_tcvae import BetaTCVAE
    from paper.models.beta_vae import BetaVAE
    from paper.models.cvae import ConditionalVAE as CVAE  # noqa: N817  (the field's name)
    from paper.models.factor_vae import FactorVAE
    from paper.models.hierarchical import HierarchicalVAE
    from paper.models.iaf_vae import IAFVAE
    from paper.models.iwae import IWAE
    from paper.models.latent_diffusion import LatentDiffusion, diffusion_over
    from paper.models.m2 import M2
    from paper.models.pixelcnn import CodesPrior, prior_over
    from paper.models.vae import VAE
    from paper.models.vampprior import VampPriorVAE
    from paper.models.vq_vae import VQVAE

__all__ = [
    "CVAE",
    "IAFVAE",
    "IWAE",
    "M2",
    "VAE",
    "VQVAE",
    "Autoencoder",
    "BetaTCVAE",
    "BetaVAE",
    "CodesPrior",
    "FactorVAE",
    "HierarchicalVAE",
    "LatentDiffusion",
    "Model",
    "VampPriorVAE",
    "completion_vae",
    "diffusion_over",
    "fit",
    "load",
    "log_prob",
    "make",
    "prior_over",
    "save_hub",
    "save_onnx",
]

PLACES = {
    "Autoencoder": "paper.models.autoencoder:Autoencoder",
    "BetaTCVAE": "paper.models.beta_tcvae:BetaTCVAE",
    "BetaVAE": "paper.models.beta_vae:BetaVAE",
    "CVAE": "paper.models.cvae:ConditionalVAE",
    "CodesPrior": "paper.models.pixelcnn:CodesPrior",
    "FactorVAE": "paper.models.factor_vae:FactorVAE",
    "HierarchicalVAE": "paper.models.hierarchical:HierarchicalVAE",
    "IAFVAE": "paper.models.iaf_vae:IAFVAE",
    "IWAE": "paper.models.iwae:IWAE",
    "M2": "paper.models.m2:M2",
    "LatentDiffusion": "paper.models.latent_diffusion:LatentDiffusion",
    "Model": "paper.models.base:Model",
    "VAE": "paper.models.vae:VAE",
    "VQVAE": "paper.models.vq_vae:VQVAE",
    "VampPriorVAE": "paper.models.vampprior:VampPriorVAE",
    "completion_vae": "paper.api:completion_vae",
    "diffusion_over": "paper.models.latent_diffusion:diffusion_over",
    "fit": "paper.api:fit",
    "load": "paper.api:load",
    "log_prob": "paper.api:log_prob",
    "make": "paper.api:make",
    "prior_over": "paper.models.pixelcnn:prior_over",
    "save_hub": "paper.export:save_hub",
    "save_onnx": "paper.export:save_onnx",
}
"""Where each name is defined."""


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, found = PLACES[name].partition(":")
    return getattr(importlib.import_module(module), found)


def __dir__() -> list[str]:
    return sorted({*globals(), *PLACES})
