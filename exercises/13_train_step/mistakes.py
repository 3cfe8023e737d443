"""Wrong forward passes, losses, backward passes and training steps."""

from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.kit.exercise import Mistake
from foundation.architecture import Architecture
from numpy_impl.functional import binary_cross_entropy_with_logits, conv2d, conv_transpose2d, linear, relu, sigmoid

from .training_step import (
    ADAM,
    DOWN,
    FORWARD,
    UP,
    backward_with,
    features,
    forward_with,
    kl_of,
    layer,
    loss_with,
    train_step_with,
)


def wrong(name: str, explanation: str, **functions: Callable[..., Any]) -> Mistake:
    """A mistake, its functions given by keyword."""
    return Mistake(name, functions, explanation)


# Forward pass and loss


def _forward(name, explanation, **changed):
    return wrong(name, explanation, forward=forward_with(**changed))


def _loss(name, explanation, **changed):
    return wrong(name, explanation, loss=loss_with(**changed))


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
    explanation = "{got} instead of {expected}: every layer but the last of encoder and decoder ends in a ReLU."
    return tuple(_forward(f"{h} without ReLU", explanation, **{h: line}) for h, line in before.items())


FORWARDS = (
    *_without_relu(),
    _forward(
        "ReLU on mu",
        "{got} instead of {expected}: mu may be any number: no ReLU.",
        mu=lambda a: relu(FORWARD["mu"](a)),
    ),
    _forward(
        "ReLU on logvar",
        "{got} instead of {expected}: logvar may be any number: no ReLU, or no variance is below 1.",
        logvar=lambda a: relu(FORWARD["logvar"](a)),
    ),
    _forward(
        "ReLU on the logits",
        "{got} instead of {expected}: logits may be any number: no ReLU, or no pixel is darker than ½.",
        logits=lambda a: relu(FORWARD["logits"](a)),
    ),
    _forward(
        "sigmoid inside forward",
        "{got} instead of {expected}: probabilities. The loss takes logits and does the sigmoid itself.",
        logits=lambda a: sigmoid(FORWARD["logits"](a)),
    ),
    _forward(
        "logvar from the layer of mu",
        "logvar is equal to mu: it has a layer of its own, encoder.logvar.",
        logvar=FORWARD["mu"],
    ),
    _forward(
        "noise is not used",
        "{got} instead of {expected}: that is mu. Without eps, the encoder's variance has no effect.",
        z=lambda a: a["mu"],
    ),
    _forward(
        "draws noise of its own",
        "The same eps gave another z. The noise is an argument, so that every rung can get the same.",
        z=lambda a: a["mu"] + np.exp(a["logvar"] / 2) * np.random.default_rng().standard_normal(a["mu"].shape),
    ),
    _forward(
        "σ is missing in z",
        "{got} instead of {expected}: that is mu + eps. The noise has to be stretched by σ = exp(logvar / 2).",
        z=lambda a: a["mu"] + a["eps"],
    ),
    _forward(
        "exp(logvar) for σ",
        "{got} instead of {expected}: exp(logvar) is the variance, σ is its root: exp(logvar / 2).",
        z=lambda a: a["mu"] + np.exp(a["logvar"]) * a["eps"],
    ),
    _forward(
        "logvar for σ",
        "{got} instead of {expected}: that is mu + logvar · eps. logvar is log σ², so σ = exp(logvar / 2).",
        z=lambda a: a["mu"] + a["logvar"] * a["eps"],
    ),
    _forward(
        "decodes mu instead of z",
        "{got} instead of {expected}: z is right, but the decoder's input is mu.",
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
        "{got} instead of {expected}: 5 times too much, as there are 5 images. Both parts are averages over them.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]),
        kl=lambda a: kl_of(a["mu"], a["logvar"]),
    ),
    _loss(
        "reconstruction summed over the batch",
        "{got} instead of {expected}: 5 times too much, as there are 5 images. The KL is right, so β is 5 "
        "times weaker than it looks.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]),
    ),
    _loss(
        "KL summed over the batch",
        "{got} instead of {expected}: 5 times too much, as there are 5 images. The reconstruction is right, so β is "
        "5 times stronger than it looks.",
        kl=lambda a: kl_of(a["mu"], a["logvar"]),
    ),
    _loss(
        "reconstruction averaged over the pixels",
        "{got} instead of {expected}: log 2 per pixel. Pixels are independent given z, so their terms add up: 96 log "
        "2.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]) / a["x"].size,
    ),
    _loss(
        "both parts averaged over their entries",
        "{got} instead of {expected}: with means over 96 pixels and over 3 latents, the effective β is 96/3 = 32 times "
        "the given one.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]) / a["x"].size,
        kl=lambda a: kl_of(a["mu"], a["logvar"]) / a["mu"].size,
    ),
    _loss(
        "KL averaged over the latents",
        "{got} instead of {expected}: a third, as there are 3 latents. They are independent, so their divergences "
        "add up.",
        kl=lambda a: kl_of(a["mu"], a["logvar"]) / a["mu"].size,
    ),
    _loss(
        "no ½ in the KL",
        "{got} instead of {expected}: twice too much. The ½ is before the whole sum.",
        kl=lambda a: 2 * kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    ),
    _loss(
        "KL with the wrong sign",
        "{got} instead of {expected}: a KL divergence is never negative.",
        kl=lambda a: -kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    ),
    _loss(
        "KL is subtracted",
        "{got} instead of {expected}: the ELBO subtracts the KL; the loss is the negative ELBO and adds it.",
        loss=lambda a: a["reconstruction"] - a["beta"] * a["kl"],
    ),
    _loss(
        "β on the reconstruction",
        "{got} instead of {expected}: 3 · 66.54 + 6 is not 66.54 + 3 · 6. β multiplies the KL.",
        loss=lambda a: a["beta"] * a["reconstruction"] + a["kl"],
    ),
    _loss(
        "β is not used",
        "{got} instead of {expected}: 66.54 + 6 for every β.",
        loss=lambda a: a["reconstruction"] + a["kl"],
    ),
    _loss(
        "β on everything",
        "{got} instead of {expected}: 3 · (66.54 + 6). A factor before the whole loss is only another learning rate.",
        loss=lambda a: a["beta"] * (a["reconstruction"] + a["kl"]),
    ),
    _loss(
        "kl is reported with β",
        "{got} instead of {expected}: the loss may be right, but the part `kl` is the divergence itself, without β.",
        kl=lambda a: a["beta"] * kl_of(a["mu"], a["logvar"]) / len(a["x"]),
        loss=lambda a: a["reconstruction"] + a["kl"],
    ),
    _loss(
        "β counts twice",
        "{got} instead of {expected}: `kl` holds β already, and the loss multiplies by it once more.",
        kl=lambda a: a["beta"] * kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    ),
    _loss(
        "sigmoid twice",
        "The function takes logits and does the sigmoid itself. Given probabilities, it reads 0.5 as a logit.",
        reconstruction=lambda a: binary_cross_entropy_with_logits(sigmoid(a["logits"]), a["x"]) / len(a["x"]),
    ),
    _loss(
        "squared error for the reconstruction",
        "The result is the sum of squared differences. Here p(x|z) is a Bernoulli distribution, whose -log is the "
        "binary cross-entropy.",
        reconstruction=lambda a: np.sum((sigmoid(a["logits"]) - a["x"]) ** 2) / len(a["x"]),
    ),
)


# Backward pass


def _back(name, explanation, **changed):
    return wrong(name, explanation, backward=backward_with(**changed))


def _n(a):
    return len(a["x"])


def _unmasked(name):
    return lambda a: a[f"d{name}"].reshape(a[name].shape)


def _masked_by_itself(name):
    return lambda a: np.maximum(_unmasked(name)(a), 0)


def _names(a):
    return a["parameters"]


def _exchanged(a):
    """mu's gradients under the name of logvar, and the other way round."""
    swapped = {
        f"encoder.{one}.{part}": a[f"encoder.{other}.{part}"]
        for one, other in (("mu", "logvar"), ("logvar", "mu"))
        for part in ("weight", "bias")
    }
    return a | swapped


def _without_masks():
    explanation = (
        "The first wrong gradient is the one before {h}: `forward` set what was below 0 to 0, so the gradient is 0 "
        "there. Look for relu_backward(..., {h})."
    )
    layers = {
        "h6": "decoder.conv_transpose1",
        "h5": "decoder.fc2",
        "h4": "decoder.fc1",
        "h3": "encoder.fc",
        "h2": "encoder.conv2",
        "h1": "encoder.conv1",
    }
    return tuple(
        _back(
            f"no ReLU on the way back at {h}",
            explanation.replace("{h}", h).replace("the one before " + h, f"that of {layer}"),
            **{f"before_{h}": _unmasked(h)},
        )
        for h, layer in layers.items()
    )


LIKELIHOOD = (
    _back(
        "dlogits of a Gaussian on the logits",
        "{got} instead of {expected}: logits - x is the gradient of ½ (logits - x)². Bernoulli's is sigmoid(logits) "
        "- x.",
        dlogits=lambda a: (a["logits"] - a["x"]) / _n(a),
    ),
    _back(
        "dlogits of the squared error",
        "{got} instead of {expected}: a factor s (1 - s) too much, ¼ where the logit is 0. In the cross-entropy's "
        "gradient it cancels.",
        dlogits=lambda a: (sigmoid(a["logits"]) - a["x"]) * sigmoid(a["logits"]) * sigmoid(-a["logits"]) / _n(a),
    ),
    _back(
        "dlogits with the wrong sign",
        "{got} instead of {expected}: white pixels need larger logits, so for x = 1 the gradient is negative.",
        dlogits=lambda a: (a["x"] - sigmoid(a["logits"])) / _n(a),
    ),
    _back(
        "dlogits without x",
        "{got} instead of {expected}: sigmoid(logits) - x, or the images have no effect.",
        dlogits=lambda a: sigmoid(a["logits"]) / _n(a),
    ),
    _back(
        "forgot 1/N in dlogits",
        "{got} instead of {expected}: 5 times too much, as there are 5 images. The loss averages; so does its "
        "gradient.",
        dlogits=lambda a: sigmoid(a["logits"]) - a["x"],
    ),
    _back(
        "dlogits divided by the number of pixels too",
        "{got} instead of {expected}: pixels add up in the loss; the division is by N alone.",
        dlogits=lambda a: (sigmoid(a["logits"]) - a["x"]) / a["x"].size,
    ),
    _back(
        "forgot 1/N in the KL's gradients",
        "{got} instead of {expected}: 5 times too much, as there are 5 images. The KL, too, is averaged over them.",
        dmu_of_kl=lambda a: a["beta"] * a["mu"],
        dlogvar_of_kl=lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / 2,
    ),
    _back(
        "forgot 1/N everywhere",
        "{got} instead of {expected}: every gradient is 5 times too large, as there are 5 images. Adam hides it, "
        "since it cancels scales; gradient descent would not.",
        dlogits=lambda a: sigmoid(a["logits"]) - a["x"],
        dmu_of_kl=lambda a: a["beta"] * a["mu"],
        dlogvar_of_kl=lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / 2,
    ),
    _back(
        "β in dlogits instead of the KL's gradients",
        "{got} instead of {expected}: β times too much here, and β times too little in the KL's part.",
        dlogits=lambda a: a["beta"] * (sigmoid(a["logits"]) - a["x"]) / _n(a),
        dmu_of_kl=lambda a: a["mu"] / _n(a),
        dlogvar_of_kl=lambda a: (np.exp(a["logvar"]) - 1) / 2 / _n(a),
    ),
    _back(
        "β in every gradient",
        "{got} instead of {expected}: β belongs to the KL alone; the reconstruction's gradient is without it.",
        dlogits=lambda a: a["beta"] * (sigmoid(a["logits"]) - a["x"]) / _n(a),
    ),
    _back(
        "β missing in the KL's gradients",
        "{got} instead of {expected}: β times too little. What multiplies the KL multiplies its gradients.",
        dmu_of_kl=lambda a: a["mu"] / _n(a),
        dlogvar_of_kl=lambda a: (np.exp(a["logvar"]) - 1) / 2 / _n(a),
    ),
)

PATHS = (
    _back(
        "dmu without the path through z",
        "mu is an input of the KL and of z; only the KL's part is there: dmu = β mu / N + dz.",
        dmu=lambda a: a["dmu_of_kl"],
    ),
    _back(
        "dmu without the KL",
        "{got} instead of {expected}: mu is an input of the KL and of z; only z's part is there: dmu = β mu / N + dz.",
        dmu=lambda a: a["dmu_of_z"],
    ),
    _back(
        "dlogvar without the path through z",
        "logvar is an input of the KL and of z; only the KL's part is there.",
        dlogvar=lambda a: a["dlogvar_of_kl"],
    ),
    _back(
        "dlogvar without the KL",
        "{got} instead of {expected}: logvar is an input of the KL and of z; only z's part is there.",
        dlogvar=lambda a: a["dlogvar_of_z"],
    ),
    _back(
        "z is detached",
        "The decoder's gradients are right, but the encoder gets none of them: dz belongs in dmu and dlogvar, too.",
        dmu=lambda a: a["dmu_of_kl"],
        dlogvar=lambda a: a["dlogvar_of_kl"],
    ),
    _back(
        "the KL has no gradient",
        "{got} instead of {expected}: β (mu, (exp(logvar) - 1) / 2) / N is missing in dmu and dlogvar.",
        dmu=lambda a: a["dmu_of_z"],
        dlogvar=lambda a: a["dlogvar_of_z"],
    ),
    _back(
        "dh3 from mu alone",
        "h3 is an input of mu and of logvar. The part of logvar is missing, or mu's part has overwritten it: add them.",
        dh3=lambda a: a["dh3_of_mu"],
    ),
    _back(
        "dh3 from logvar alone",
        "h3 is an input of mu and of logvar. The part of mu is missing, or logvar's part has overwritten it: add them.",
        dh3=lambda a: a["dh3_of_logvar"],
    ),
    _back(
        "dlogvar through z without eps",
        "z = mu + σ eps: where eps is 0, σ has no effect, so dlogvar = dz · eps · σ / 2.",
        dlogvar_of_z=lambda a: a["dz"] * np.exp(a["logvar"] / 2) / 2,
    ),
    _back(
        "dlogvar through z without σ",
        "dσ/dlogvar = σ / 2: the σ is missing in dlogvar = dz · eps · σ / 2.",
        dlogvar_of_z=lambda a: a["dz"] * a["eps"] / 2,
    ),
    _back(
        "dlogvar through z without ½",
        "σ = exp(logvar / 2), and its derivative is σ / 2: the ½ is missing in dz · eps · σ / 2.",
        dlogvar_of_z=lambda a: a["dz"] * a["eps"] * np.exp(a["logvar"] / 2),
    ),
    _back(
        "dlogvar of the KL without ½",
        "{got} instead of {expected}: twice too much. dlogvar of the KL is (exp(logvar) - 1) / 2, times β / N.",
        dlogvar_of_kl=lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / _n(a),
    ),
    _back(
        "dlogvar of the KL without -1",
        "{got} instead of {expected}: at the prior, where logvar is 0, the KL has its minimum: exp(logvar) - 1.",
        dlogvar_of_kl=lambda a: a["beta"] * np.exp(a["logvar"]) / 2 / _n(a),
    ),
    _back(
        "dmu of the KL with a factor 2",
        "{got} instead of {expected}: the KL has ½ mu², and its derivative is mu, not 2 mu.",
        dmu_of_kl=lambda a: 2 * a["beta"] * a["mu"] / _n(a),
    ),
    _back(
        "mu for z in decoder.fc1's gradient",
        "decoder.fc1 was given z in `forward`, so its weight's gradient needs z. Only where eps is 0 is that mu.",
        dz=lambda a: _fc1_with_mu(a),
    ),
)


def _fc1_with_mu(a):
    a["decoder.fc1.weight"], a["decoder.fc1.bias"] = a["before_h4"].T @ a["mu"], a["before_h4"].sum(axis=0)
    return a["before_h4"] @ a["parameters"]["decoder.fc1.weight"]


RELU = (
    *_without_masks(),
    _back(
        "ReLU's mask taken from dy",
        "The gradient was set to 0 where it is itself below 0. The mask is that of the activation: dy where h > 0, of "
        "either sign.",
        **{f"before_{h}": _masked_by_itself(h) for h in ("h1", "h2", "h3", "h4", "h5", "h6")},
    ),
)

GRADIENTS = (
    _back(
        "gradients of mu and logvar exchanged",
        "{got} instead of {expected}: the right numbers under exchanged names.",
        gradients=_exchanged,
    ),
    _back(
        "bias gradients averaged over the batch",
        "{got} instead of {expected}: a fifth, as there are 5 images. The loss's 1/N is in dlogits already; the "
        "gradient of a bias is a sum.",
        gradients=lambda a: a | {name: a[name] / _n(a) for name in _names(a) if name.endswith("bias")},
    ),
    _back(
        "no gradients for the biases",
        "{got} instead of {expected}: the biases' gradients are 0. Each is the sum of the layer's dy.",
        gradients=lambda a: a | {name: 0 * a[name] for name in _names(a) if name.endswith("bias")},
    ),
)


# Training steps around a right gradient


NAMES = tuple(Architecture().parameter_shapes())
RIGHT = train_step_with()


def _step(name, explanation, functions=None, **changed):
    return wrong(name, explanation, train_step=train_step_with(functions, **changed))


def _frozen(is_frozen):
    """Parameters with these names are left as they are, and their m and v too."""

    def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
        new = RIGHT(parameters, m, v, t, x, eps, beta, learning_rate)
        for group, old in (("parameters", parameters), ("m", m), ("v", v)):
            new[group] = {name: old[name] if is_frozen(name) else array for name, array in new[group].items()}
        return new

    return train_step


def _returning(change):
    """The right step, of whose results `change(new, parameters, m, v)` changes some."""

    def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
        return change(RIGHT(parameters, m, v, t, x, eps, beta, learning_rate), parameters, m, v)

    return train_step


def _loss_after_the_step(parameters, m, v, t, x, eps, beta, learning_rate):
    new = RIGHT(parameters, m, v, t, x, eps, beta, learning_rate)
    run = forward_with()(new["parameters"], x, eps)
    return new | {"loss": loss_with()(run["logits"], x, run["mu"], run["logvar"], beta)["loss"]}


def _in_place(*groups):
    """The right step, after which these arguments hold the new values."""

    def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
        new = RIGHT(parameters, m, v, t, x, eps, beta, learning_rate)
        for group, arrays in {"parameters": parameters, "m": m, "v": v}.items():
            if group in groups:
                for name, array in arrays.items():
                    array[...] = new[group][name]
                new[group] = arrays
        return new

    return train_step


def _same_dict(*groups):
    """The right step, whose new arrays are put into these of the caller's dicts."""

    def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
        new = RIGHT(parameters, m, v, t, x, eps, beta, learning_rate)
        for group, arrays in {"parameters": parameters, "m": m, "v": v}.items():
            if group in groups:
                arrays.update(new[group])
                new[group] = arrays
        return new

    return train_step


def _forward_without_noise(parameters, x, eps):
    return forward_with()(parameters, x, 0 * eps)


def _backward_without_noise(parameters, x, eps, activations, beta):
    return backward_with()(parameters, x, 0 * eps, activations, beta)


STATE = (
    _step(
        "Adam begins anew in every step",
        "The first step is right, the later ones are not: the given m, v and t are not used, so every step is a "
        "first one.",
        given=lambda name, a: a | {"m_before": 0 * a["m_before"], "v_before": 0 * a["v_before"], "t_before": 0},
    ),
    _step(
        "m and v are not carried",
        "The first step is right, the later ones are not: the given m and v are not used, each step has only its "
        "own gradient.",
        given=lambda name, a: a | {"m_before": 0 * a["m_before"], "v_before": 0 * a["v_before"]},
    ),
    wrong(
        "the old m and v are returned",
        "m and v are returned unchanged: the next step does not include this gradient.",
        train_step=_returning(lambda new, parameters, m, v: new | {"m": m, "v": v}),
    ),
    wrong(
        "t is not counted",
        "{got} instead of {expected}: the next step would be corrected like this one.",
        train_step=_returning(lambda new, parameters, m, v: new | {"t": new["t"] - 1}),
    ),
    _step(
        "t counted after the correction",
        "The first step divides by 1 - β⁰ = 0, and 0/0 follows. t + 1 is the number of this step.",
        m_hat=lambda a: a["m"] / np.float64(1 - ADAM[0] ** a["t_before"]),
        v_hat=lambda a: a["v"] / np.float64(1 - ADAM[1] ** a["t_before"]),
    ),
    _step(
        "t is neither used as t + 1 nor counted",
        "The first step divides by 1 - β⁰ = 0, and t comes back as it was. t + 1 is the number of this step.",
        given=lambda name, a: a | {"t_before": a["t_before"] - 1},
        m_hat=lambda a: a["m"] / np.float64(1 - ADAM[0] ** a["t"]),
        v_hat=lambda a: a["v"] / np.float64(1 - ADAM[1] ** a["t"]),
    ),
    wrong(
        "m and v exchanged in the result",
        "m holds the average of the squares, and v that of the gradients: they have changed places.",
        train_step=_returning(lambda new, parameters, m, v: new | {"m": new["v"], "v": new["m"]}),
    ),
    _step(
        "t counted for every parameter",
        "t counts steps, not tensors: 18 parameters make one step. Add 1 once, before the loop.",
        given=lambda name, a: a | {"t_before": a["t_before"] + NAMES.index(name)},
    ),
    _step(
        "no bias correction",
        "The first step is √10 = 3.162 learning rates long: m and v begin at 0 and are divided by 1 - βᵗ.",
        m_hat=lambda a: a["m"],
        v_hat=lambda a: a["v"],
    ),
)

UPDATES = (
    _step(
        "uphill",
        "The loss grows: the step is subtracted.",
        parameter=lambda a: a["parameter_before"] + a["update"],
    ),
    _step(
        "gradient descent instead of Adam",
        "The first step is learning_rate times the gradient, as in plain gradient descent; Adam's is about one "
        "learning rate long.",
        m=lambda a: a["m_before"],
        v=lambda a: a["v_before"],
        parameter=lambda a: a["parameter_before"] - a["learning_rate"] * a["g"],
    ),
    _step(
        "learning rate written as a number",
        "{got} instead of {expected}: 0.001 for every `learning_rate`.",
        given=lambda name, a: a | {"learning_rate": 0.001},
    ),
    _step(
        "β is not passed to backward",
        "With β = 1 all is right; otherwise only the loss is: the gradients are those of β = 1.",
        beta_back=lambda beta: 1.0,
    ),
    _step(
        "noise is not used in the step",
        "Forward and backward ran with eps = 0: the autoencoder of the means. Pass eps on.",
        functions={"forward": _forward_without_noise, "backward": _backward_without_noise},
    ),
    _step(
        "noise is not passed to backward",
        "The loss is right, the encoder's gradients are not: dlogvar = dz · eps · σ / 2 needs the eps of the forward "
        "pass.",
        functions={"backward": _backward_without_noise},
    ),
    wrong(
        "only weights are updated",
        "The biases stay as they were. They are parameters like the others.",
        train_step=_frozen(lambda name: name.endswith("bias")),
    ),
    wrong(
        "only the encoder is updated",
        "The decoder's parameters stay as they were. One loop over all names updates both.",
        train_step=_frozen(lambda name: name.startswith("decoder")),
    ),
    wrong(
        "only the decoder is updated",
        "The encoder's parameters stay as they were. One loop over all names updates both.",
        train_step=_frozen(lambda name: name.startswith("encoder")),
    ),
)

SAME_DICT = (
    "No array was written into, but the caller's dict has got new ones: `new = parameters` is a second name for the "
    "same "
    "dict, and new[name] = ... replaces its entries. Begin with an empty dict, or with a copy."
)

RESULTS = (
    wrong(
        "the old parameters are returned",
        "m and v moved, the parameters did not: return the new ones.",
        train_step=_returning(lambda new, parameters, m, v: new | {"parameters": parameters}),
    ),
    wrong(
        "loss after the step",
        "{got} instead of {expected}: the loss is that of the given parameters, whose gradients make the step.",
        train_step=_loss_after_the_step,
    ),
    _step(
        "reconstruction reported as the loss",
        "{got} instead of {expected}: β · kl is missing.",
        functions={"loss": lambda *arguments: {"loss": loss_with()(*arguments)["reconstruction"]}},
    ),
    wrong(
        "parameters changed in place",
        "The caller's arrays were written into, as `parameters[name] -= ...` does. The rungs do so on purpose, to save "
        "memory; here old "
        "and new are wanted side by side.",
        train_step=_in_place("parameters"),
    ),
    wrong(
        "the new parameters are put into the caller's dict",
        SAME_DICT,
        train_step=_same_dict("parameters"),
    ),
    wrong(
        "the new m and v are put into the caller's dicts",
        SAME_DICT,
        train_step=_same_dict("m", "v"),
    ),
    wrong(
        "the new parameters, m and v are put into the caller's dicts",
        SAME_DICT,
        train_step=_same_dict("parameters", "m", "v"),
    ),
    wrong(
        "m and v changed in place",
        "The caller's arrays were written into, as `m[name] *= ...` does. The rungs do so on purpose, to save memory; "
        "here old and new "
        "are wanted side by side.",
        train_step=_in_place("m", "v"),
    ),
    wrong(
        "parameters, m and v changed in place",
        "The caller's arrays were written into, as `-=`, `*=` and `+=` do. The rungs do so on purpose, to save memory; "
        "here old and new "
        "are wanted side by side.",
        train_step=_in_place("parameters", "m", "v"),
    ),
)


MISTAKES = FORWARDS + LOSSES + LIKELIHOOD + PATHS + RELU + GRADIENTS + STATE + UPDATES + RESULTS
