"""Every option has an effect or is refused: for each model, beside each choice that others depend on."""

import dataclasses
import functools
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

pytest.importorskip("torch")

from foundation.arguments import Place
from foundation.errors import InputError
from foundation.options import KLOptions, OptimizerOptions, TrainOptions, check_effect
from foundation.records import StepRecord
from foundation.training import begin, train
from paper.models.options import (
    MODELS,
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
from paper.rung import make_rung
from tests.support.shared_training import make_data

CONV = {"latent_dim": 3, "channels": (2, 3), "hidden_dims": (5,)}
MLP = {"latent_dim": 3, "network": "mlp", "hidden_dims": (5,)}
VQ = {"channels": (2, 3), "codes": 8, "code_dim": 2}
MODEL_CONTEXTS = {
    "vae": VAEOptions(**CONV),
    "vae, mlp, gaussian": VAEOptions(**MLP, likelihood="gaussian"),
    "vae, learned sigma": VAEOptions(**CONV, likelihood="gaussian-learned"),
    "vae, continuous": VAEOptions(**MLP, likelihood="continuous-bernoulli"),
    "beta-vae": BetaVAEOptions(**CONV),
    "beta-vae, capacity": BetaVAEOptions(**CONV, capacity=0.2),
    "beta-tcvae": BetaTCVAEOptions(**MLP),
    "factor-vae": FactorVAEOptions(**MLP, discriminator_dims=(4,)),
    "cvae": ConditionalVAEOptions(**CONV),
    "m2": M2Options(**MLP, labelled=4),
    "autoencoder": AutoencoderOptions(**CONV),
    "iwae": IWAEOptions(**MLP),
    "vampprior": VampPriorOptions(**MLP, components=2),
    "iaf-vae": IAFOptions(**MLP, flow_hidden_dim=4),
    "hierarchical": HierarchicalOptions(**MLP, top_dim=2, top_hidden_dim=4),
    "vq-vae": VQVAEOptions(**VQ),
    "vq-vae, gradient": VQVAEOptions(**VQ, codebook="gradient"),
    "codes-prior": CodesPriorOptions(**VQ, prior_channels=3, prior_layers=2),
    "latent-diffusion": LatentDiffusionOptions(**MLP, prior_hidden_dim=3, prior_layers=1, steps=5),
}
GROUP_CONTEXTS = {
    "kl": [KLOptions(), KLOptions(schedule="linear"), KLOptions(schedule="cyclical")],
    "optimizer": [OptimizerOptions(), OptimizerOptions(name="adamw", weight_decay=0.5)],
}
OTHER = {
    "channels": (3, 4),
    "hidden_dims": (6,),
    "discriminator_dims": (5,),
    "capacity": 0.3,
    "decay": 0.3,
    "weight_decay": 0.1,
    "free_bits": 0.2,
}
"""Other values than those above, where the type alone does not say one."""


def options_of(model: Any) -> list[str]:
    """The names of a model's options, without what a prior over codes takes from its VQ-VAE."""
    hints = get_type_hints(type(model), include_extras=True)
    names = [field.name for field in dataclasses.fields(model)]
    return [name for name in names if Place.HIDDEN not in getattr(hints[name], "__metadata__", ())]


CASES = [(name, option) for name, model in MODEL_CONTEXTS.items() for option in options_of(model)]


@functools.cache
def losses(options: TrainOptions) -> tuple[float, ...]:
    """The losses of every step of a small training."""
    # On the 256 levels, which one of the likelihoods needs.
    data = make_data().convert(
        lambda array: (255 * array).round() / np.float32(255) if array.dtype.kind == "f" else array
    )
    rng = np.random.default_rng(0)
    rung = make_rung(options, data.image_shape, len(data.classes), rng, data.train.images)
    records = train(begin(rung, data, options, rng))
    return tuple(record.parts["loss"] for record in records if isinstance(record, StepRecord))


def training(model: Any, **choices: Any) -> TrainOptions:
    fixed: dict[str, Any] = {"epochs": 3, "batch_size": 7, "precision": "float64", "device": "cpu"}
    return TrainOptions(model=model, **fixed | choices)


def others(group: Any, name: str) -> list[Any]:
    """Other values of an option: all of a choice, one of a number."""
    kind, value = get_type_hints(type(group))[name], getattr(group, name)
    if name in OTHER:
        return [OTHER[name]]
    if get_origin(kind) is Literal:
        return [other for other in get_args(kind) if other != value]
    return [not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value * 0.4 + 0.05]


def assert_used_or_refused(options: TrainOptions, name: str, changed: list[TrainOptions]) -> None:
    """Each change of one option, `name`, is refused, or the losses become other ones."""
    expected = losses(options)
    for other in changed:
        try:
            check_effect(other)
        except InputError as error:
            if not str(error).startswith(f"{name}:"):  # such as channels, once the network is another one
                continue
            assert losses(other) == expected, "refused, though it has an effect"
        else:
            assert losses(other) != expected, "accepted, though it has no effect"


def variants(group: Any, name: str) -> list[Any]:
    """The group with each other value of an option that goes with the rest."""
    found = []
    for value in others(group, name):
        try:
            found.append(dataclasses.replace(group, **{name: value}))
        except InputError:  # refused at once, such as tanh in the network of convolutions
            continue
    return found


def test_every_model_has_a_context() -> None:
    assert {model.model for model in MODEL_CONTEXTS.values()} == set(MODELS)


@pytest.mark.parametrize(("context", "name"), CASES)
def test_an_option_of_a_model_has_an_effect_or_is_refused(context: str, name: str) -> None:
    model = MODEL_CONTEXTS[context]
    assert_used_or_refused(training(model), name, [training(other) for other in variants(model, name)])


@pytest.mark.parametrize("group", GROUP_CONTEXTS)
def test_an_option_of_training_has_an_effect_or_is_refused(group: str) -> None:
    model = VAEOptions(**CONV)
    for context in GROUP_CONTEXTS[group]:
        for field in dataclasses.fields(context):
            changed = [training(model, **{group: other}) for other in variants(context, field.name)]
            assert_used_or_refused(training(model, **{group: context}), f"{group}.{field.name}", changed)
