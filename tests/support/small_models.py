"""Every model of the paper rung at a size for tests, with a batch for it."""

import torch

from foundation.objective import Objective
from paper.models.options import (
    AutoencoderOptions,
    BetaTCVAEOptions,
    BetaVAEOptions,
    CodesPriorOptions,
    ConditionalVAEOptions,
    FactorVAEOptions,
    HierarchicalOptions,
    IAFOptions,
    IWAEOptions,
    LatentDiffusionOptions,
    M2Options,
    VAEOptions,
    VampPriorOptions,
    VQVAEOptions,
)
from paper.models.registry import make_model

SHAPE, CLASS_COUNT, N = (2, 8, 12), 3, 5
CONV = {"latent_dim": 4, "channels": (3, 5), "hidden_dims": (7,)}
DEEP = CONV | {"hidden_dims": (11, 7)}
MLP = {"latent_dim": 4, "network": "mlp", "hidden_dims": (11, 7), "activation": "tanh"}
TINY = {
    "vae": VAEOptions(**CONV),
    "vae-deep": VAEOptions(**DEEP),
    "vae-residual": VAEOptions(**CONV | {"channels": (3,), "residual_blocks": 1}),
    "vae-mlp": VAEOptions(**MLP),
    "vae-learned": VAEOptions(**MLP, likelihood="gaussian-learned"),
    "vae-optimal": VAEOptions(**MLP, likelihood="gaussian-optimal"),
    "vae-continuous": VAEOptions(**MLP, likelihood="continuous-bernoulli"),
    "vae-levels": VAEOptions(**MLP, likelihood="discretised-logistic"),
    "beta-vae": BetaVAEOptions(**CONV, beta=3.0),
    "beta-vae-capacity": BetaVAEOptions(**MLP, capacity=2.0, gamma=5.0),
    "beta-tcvae": BetaTCVAEOptions(**MLP, alpha=0.5, beta=3.0, gamma=2.0),
    "factor-vae": FactorVAEOptions(**CONV, gamma=3.0, discriminator_dims=(11, 7)),
    "cvae": ConditionalVAEOptions(**CONV),
    "cvae-deep": ConditionalVAEOptions(**DEEP),
    "cvae-mlp": ConditionalVAEOptions(**MLP),
    "cvae-top": ConditionalVAEOptions(**CONV, condition="top"),
    "cvae-top-deep": ConditionalVAEOptions(**DEEP, condition="top"),
    "cvae-lower-left-mlp": ConditionalVAEOptions(**MLP, condition="lower-left"),
    "cvae-learned": ConditionalVAEOptions(**CONV, prior="learned"),
    "cvae-top-learned": ConditionalVAEOptions(**MLP, condition="top", prior="learned"),
    "m2": M2Options(**CONV, labelled=3),
    "m2-mlp": M2Options(**MLP, labelled=3),
    "autoencoder": AutoencoderOptions(**CONV),
    "autoencoder-mlp": AutoencoderOptions(**MLP),
    "iwae": IWAEOptions(**CONV, draws=3),
    "iwae-mlp": IWAEOptions(**MLP, draws=3),
    "vampprior": VampPriorOptions(**CONV, components=3),
    "vampprior-mixture": VampPriorOptions(**MLP, components=3, components_are="mixture"),
    "iaf-vae": IAFOptions(**CONV, flow_steps=3, flow_hidden_dim=7),
    "hierarchical": HierarchicalOptions(**CONV, top_dim=3, top_hidden_dim=7),
    "vq-vae": VQVAEOptions(codes=6, code_dim=3, channels=(3, 5)),
    "vq-vae-residual": VQVAEOptions(codes=6, code_dim=3, channels=(3,), residual_blocks=1),
    "vq-vae-gradient": VQVAEOptions(codes=6, code_dim=3, channels=(3, 5), codebook="gradient"),
    "codes-prior": CodesPriorOptions(codes=6, code_dim=3, channels=(3, 5), prior_channels=7, prior_layers=2),
    "latent-diffusion": LatentDiffusionOptions(**CONV, prior_hidden_dim=24, prior_layers=2, steps=10),
}


TOGETHER = ("vae-optimal", "beta-vae-capacity", "beta-tcvae", "factor-vae")
"""Models whose loss is that of a batch, and not a mean over its images."""


def make(name, dtype=torch.float64):
    return make_model(TINY[name], SHAPE, CLASS_COUNT, 0, dtype)


def draw(model, seed=0, count=N):
    """Images, noise and conditions."""
    generator = torch.Generator().manual_seed(seed)
    dtype = next(model.parameters()).dtype
    x = torch.rand(count, *SHAPE, generator=generator, dtype=dtype)
    eps = torch.randn(model.noise_shape(count), generator=generator, dtype=dtype)
    return x, eps, model.condition(x, torch.arange(count) % CLASS_COUNT)


def objective_of(model) -> Objective:
    """The model's own objective at the end of a training."""
    return model.options.objective()
