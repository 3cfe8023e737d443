"""Wrong forward passes and losses, each with what gives it away."""

import numpy as np

from numpy_impl.functional import binary_cross_entropy_with_logits, conv2d, conv_transpose2d, linear, relu, sigmoid
from numpy_impl.vae_numpy import DOWN, UP

from .steps import FORWARD, features, forward_with, kl_of, layer, loss_with, wrong


def _forward(name, tell, **changed):
    return wrong(name, tell, forward=forward_with(**changed))


def _loss(name, tell, **changed):
    return wrong(name, tell, loss=loss_with(**changed))


def _features_last(a):
    """h5 with the channels as the last axis of what decoder.fc2 gives."""
    N, C, H, W = features(a).shape
    return relu(features(a).reshape(N, H, W, C).transpose(0, 3, 1, 2))


def _without_relu():
    before = {
        "h1": lambda a: conv2d(a["x"], *layer(a, "encoder.conv1"), **DOWN),
        "h2": lambda a: conv2d(a["h1"], *layer(a, "encoder.conv2"), **DOWN),
        "h3": lambda a: linear(a["h2"].reshape(len(a["x"]), -1), *layer(a, "encoder.fc")),
        "h4": lambda a: linear(a["z"], *layer(a, "decoder.fc1")),
        "h5": features,
        "h6": lambda a: conv_transpose2d(a["h5"], *layer(a, "decoder.conv_transpose1"), **UP),
    }
    tell = "{came} instead of {expected}: every layer but the last of encoder and decoder ends in a ReLU."
    return tuple(_forward(f"{h} without ReLU", tell, **{h: line}) for h, line in before.items())


FORWARDS = (
    *_without_relu(),
    _forward(
        "ReLU on mu",
        "{came} instead of {expected}: mu may be any number: no ReLU.",
        mu=lambda a: relu(FORWARD["mu"](a)),
    ),
    _forward(
        "ReLU on logvar",
        "{came} instead of {expected}: logvar may be any number: no ReLU, or no variance is below 1.",
        logvar=lambda a: relu(FORWARD["logvar"](a)),
    ),
    _forward(
        "ReLU on the logits",
        "{came} instead of {expected}: logits may be any number: no ReLU, or no pixel is darker than ½.",
        logits=lambda a: relu(FORWARD["logits"](a)),
    ),
    _forward(
        "sigmoid inside forward",
        "{came} instead of {expected}: probabilities. The loss takes logits and does the sigmoid itself.",
        logits=lambda a: sigmoid(FORWARD["logits"](a)),
    ),
    _forward(
        "logvar from the layer of mu",
        "logvar came equal to mu: it has a layer of its own, encoder.logvar.",
        logvar=FORWARD["mu"],
    ),
    _forward(
        "noise is not used",
        "{came} instead of {expected}: that is mu. Without eps, the encoder's variance has no effect.",
        z=lambda a: a["mu"],
    ),
    _forward(
        "draws noise of its own",
        "Another z came for the same eps. The noise is an argument, so that every rung can get the same.",
        z=lambda a: a["mu"] + np.exp(a["logvar"] / 2) * np.random.default_rng().standard_normal(a["mu"].shape),
    ),
    _forward(
        "σ is missing in z",
        "{came} instead of {expected}: that is mu + eps. The noise has to be stretched by σ = exp(logvar / 2).",
        z=lambda a: a["mu"] + a["eps"],
    ),
    _forward(
        "exp(logvar) for σ",
        "{came} instead of {expected}: exp(logvar) is the variance, σ is its root: exp(logvar / 2).",
        z=lambda a: a["mu"] + np.exp(a["logvar"]) * a["eps"],
    ),
    _forward(
        "logvar for σ",
        "{came} instead of {expected}: that is mu + logvar · eps. logvar is log σ², so σ = exp(logvar / 2).",
        z=lambda a: a["mu"] + a["logvar"] * a["eps"],
    ),
    _forward(
        "decodes mu instead of z",
        "{came} instead of {expected}: z is right, but the decoder did not get it; h4 is what mu gives.",
        h4=lambda a: relu(linear(a["mu"], *layer(a, "decoder.fc1"))),
    ),
    _forward(
        "h2 flattened with the channels last",
        "The same numbers in another order: flatten h2 as it is, (N, C, H, W) to (N, C·H·W).",
        h3=lambda a: relu(linear(a["h2"].transpose(0, 2, 3, 1).reshape(len(a["x"]), -1), *layer(a, "encoder.fc"))),
    ),
    _forward(
        "h5 reshaped with the channels last",
        "The same numbers in another order: (N, C·H·W) becomes (N, C, H, W), channels first.",
        h5=_features_last,
    ),
    _forward(
        "height and width exchanged",
        "The images are 8 high and 12 wide, so h5 is 2 high and 3 wide.",
        h5=lambda a: relu(features(a).reshape(*features(a).shape[:2], *features(a).shape[:1:-1])),
    ),
)

LOSSES = (
    _loss(
        "loss summed over the batch",
        "{came} instead of {expected}: 5 times too much, as there are 5 images. Both parts are averages over them.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]),
        kl=lambda a: kl_of(a["mu"], a["logvar"]),
    ),
    _loss(
        "reconstruction summed over the batch",
        "{came} instead of {expected}: 5 times too much, as there are 5 images. The KL is right, so β is 5 "
        "times weaker than it looks.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]),
    ),
    _loss(
        "KL summed over the batch",
        "{came} instead of {expected}: 5 times too much, as there are 5 images. The reconstruction is right, so β is "
        "5 times stronger than it looks.",
        kl=lambda a: kl_of(a["mu"], a["logvar"]),
    ),
    _loss(
        "reconstruction averaged over the pixels",
        "{came} instead of {expected}: log 2 per pixel. Pixels are independent given z, so their terms add up: 96 log "
        "2.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]) / a["x"].size,
    ),
    _loss(
        "both parts averaged over their entries",
        "{came} instead of {expected}: with means over 96 pixels and over 3 latents, β is in truth 96/3 = 32 times "
        "what it says.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]) / a["x"].size,
        kl=lambda a: kl_of(a["mu"], a["logvar"]) / a["mu"].size,
    ),
    _loss(
        "KL averaged over the latents",
        "{came} instead of {expected}: a third, as there are 3 latents. They are independent, so their divergences "
        "add up.",
        kl=lambda a: kl_of(a["mu"], a["logvar"]) / a["mu"].size,
    ),
    _loss(
        "no ½ in the KL",
        "{came} instead of {expected}: twice too much. The ½ stands before the whole sum.",
        kl=lambda a: 2 * kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    ),
    _loss(
        "KL with the wrong sign",
        "{came} instead of {expected}: a KL divergence is never negative.",
        kl=lambda a: -kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    ),
    _loss(
        "KL is subtracted",
        "{came} instead of {expected}: the ELBO subtracts the KL; the loss is the negative ELBO and adds it.",
        loss=lambda a: a["reconstruction"] - a["beta"] * a["kl"],
    ),
    _loss(
        "β on the reconstruction",
        "{came} instead of {expected}: 3 · 66.54 + 6 is not 66.54 + 3 · 6. β multiplies the KL.",
        loss=lambda a: a["beta"] * a["reconstruction"] + a["kl"],
    ),
    _loss(
        "β is not used",
        "{came} instead of {expected}: 66.54 + 6, whatever β is.",
        loss=lambda a: a["reconstruction"] + a["kl"],
    ),
    _loss(
        "β on everything",
        "{came} instead of {expected}: 3 · (66.54 + 6). A factor before the whole loss is only another learning rate.",
        loss=lambda a: a["beta"] * (a["reconstruction"] + a["kl"]),
    ),
    _loss(
        "kl is reported with β",
        "{came} instead of {expected}: the loss may be right, but the part `kl` is the divergence itself, without β.",
        kl=lambda a: a["beta"] * kl_of(a["mu"], a["logvar"]) / len(a["x"]),
        loss=lambda a: a["reconstruction"] + a["kl"],
    ),
    _loss(
        "β counts twice",
        "{came} instead of {expected}: `kl` holds β already, and the loss multiplies by it once more.",
        kl=lambda a: a["beta"] * kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    ),
    _loss(
        "sigmoid twice",
        "The function takes logits and does the sigmoid itself. Given probabilities, it reads 0.5 as a logit.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(sigmoid(a["logits"]), a["x"]) / len(a["x"]),
    ),
    _loss(
        "squared error for the reconstruction",
        "Squares of differences came. Here p(x|z) is a Bernoulli distribution, whose -log is the binary cross-entropy.",
        reconstruction=lambda a: np.sum((sigmoid(a["logits"]) - a["x"]) ** 2) / len(a["x"]),
    ),
)

MISTAKES_FORWARD = FORWARDS + LOSSES
