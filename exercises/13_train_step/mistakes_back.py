"""Wrong ways back, each with what gives it away."""

import numpy as np

from numpy_impl.functional import sigmoid

from .steps import backward_with, wrong


def _back(name, tell, **changed):
    return wrong(name, tell, backward=backward_with(**changed))


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
    tell = (
        "The first wrong gradient is the one before {h}: `forward` set what was below 0 to 0, so nothing may come back "
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
            tell.replace("{h}", h).replace("the one before " + h, f"that of {layer}"),
            **{f"before_{h}": _unmasked(h)},
        )
        for h, layer in layers.items()
    )


LIKELIHOOD = (
    _back(
        "dlogits of a Gaussian on the logits",
        "{came} instead of {expected}: logits - x is the gradient of ½ (logits - x)². Bernoulli's is sigmoid(logits) "
        "- x.",
        dlogits=lambda a: (a["logits"] - a["x"]) / _n(a),
    ),
    _back(
        "dlogits of the squared error",
        "{came} instead of {expected}: a factor s (1 - s) too much, ¼ where the logit is 0. In the cross-entropy's "
        "gradient it cancels.",
        dlogits=lambda a: (sigmoid(a["logits"]) - a["x"]) * sigmoid(a["logits"]) * sigmoid(-a["logits"]) / _n(a),
    ),
    _back(
        "dlogits with the wrong sign",
        "{came} instead of {expected}: white pixels need larger logits, so for x = 1 the gradient is negative.",
        dlogits=lambda a: (a["x"] - sigmoid(a["logits"])) / _n(a),
    ),
    _back(
        "dlogits without x",
        "{came} instead of {expected}: sigmoid(logits) - x, or the images have no say.",
        dlogits=lambda a: sigmoid(a["logits"]) / _n(a),
    ),
    _back(
        "forgot 1/N in dlogits",
        "{came} instead of {expected}: 5 times too much, as there are 5 images. The loss averages; so does its "
        "gradient.",
        dlogits=lambda a: sigmoid(a["logits"]) - a["x"],
    ),
    _back(
        "dlogits divided by the number of pixels too",
        "{came} instead of {expected}: pixels add up in the loss; the division is by N alone.",
        dlogits=lambda a: (sigmoid(a["logits"]) - a["x"]) / a["x"].size,
    ),
    _back(
        "forgot 1/N in the KL's gradients",
        "{came} instead of {expected}: 5 times too much, as there are 5 images. The KL, too, is averaged over them.",
        dmu_of_kl=lambda a: a["beta"] * a["mu"],
        dlogvar_of_kl=lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / 2,
    ),
    _back(
        "forgot 1/N everywhere",
        "{came} instead of {expected}: every gradient is 5 times too large, as there are 5 images. Adam hides it, "
        "since it cancels scales; gradient descent would not.",
        dlogits=lambda a: sigmoid(a["logits"]) - a["x"],
        dmu_of_kl=lambda a: a["beta"] * a["mu"],
        dlogvar_of_kl=lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / 2,
    ),
    _back(
        "β in dlogits instead of the KL's gradients",
        "{came} instead of {expected}: β times too much here, and β times too little in the KL's part.",
        dlogits=lambda a: a["beta"] * (sigmoid(a["logits"]) - a["x"]) / _n(a),
        dmu_of_kl=lambda a: a["mu"] / _n(a),
        dlogvar_of_kl=lambda a: (np.exp(a["logvar"]) - 1) / 2 / _n(a),
    ),
    _back(
        "β in every gradient",
        "{came} instead of {expected}: β belongs to the KL alone; the reconstruction's gradient is without it.",
        dlogits=lambda a: a["beta"] * (sigmoid(a["logits"]) - a["x"]) / _n(a),
    ),
    _back(
        "β missing in the KL's gradients",
        "{came} instead of {expected}: β times too little. What multiplies the KL multiplies its gradients.",
        dmu_of_kl=lambda a: a["mu"] / _n(a),
        dlogvar_of_kl=lambda a: (np.exp(a["logvar"]) - 1) / 2 / _n(a),
    ),
)

PATHS = (
    _back(
        "dmu without the path through z",
        "mu feeds the KL and z; only the KL's part came back: dmu = β mu / N + dz.",
        dmu=lambda a: a["dmu_of_kl"],
    ),
    _back(
        "dmu without the KL",
        "{came} instead of {expected}: mu feeds the KL and z; only z's part came back: dmu = β mu / N + dz.",
        dmu=lambda a: a["dmu_of_z"],
    ),
    _back(
        "dlogvar without the path through z",
        "logvar feeds the KL and z; only the KL's part came back.",
        dlogvar=lambda a: a["dlogvar_of_kl"],
    ),
    _back(
        "dlogvar without the KL",
        "{came} instead of {expected}: logvar feeds the KL and z; only z's part came back.",
        dlogvar=lambda a: a["dlogvar_of_z"],
    ),
    _back(
        "z is detached",
        "The decoder's gradients are right, but nothing of them reaches the encoder: dz has to go on to mu and logvar.",
        dmu=lambda a: a["dmu_of_kl"],
        dlogvar=lambda a: a["dlogvar_of_kl"],
    ),
    _back(
        "the KL has no gradient",
        "{came} instead of {expected}: β (mu, (exp(logvar) - 1) / 2) / N is missing in dmu and dlogvar.",
        dmu=lambda a: a["dmu_of_z"],
        dlogvar=lambda a: a["dlogvar_of_z"],
    ),
    _back(
        "dh3 from mu alone",
        "h3 feeds mu and logvar. What came back from logvar is missing, or mu's part was written over it: add them.",
        dh3=lambda a: a["dh3_of_mu"],
    ),
    _back(
        "dh3 from logvar alone",
        "h3 feeds mu and logvar. What came back from mu is missing, or logvar's part was written over it: add them.",
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
        "{came} instead of {expected}: twice too much. dlogvar of the KL is (exp(logvar) - 1) / 2, times β / N.",
        dlogvar_of_kl=lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / _n(a),
    ),
    _back(
        "dlogvar of the KL without -1",
        "{came} instead of {expected}: at the prior, where logvar is 0, the KL has its minimum: exp(logvar) - 1.",
        dlogvar_of_kl=lambda a: a["beta"] * np.exp(a["logvar"]) / 2 / _n(a),
    ),
    _back(
        "dmu of the KL with a factor 2",
        "{came} instead of {expected}: the KL has ½ mu², and its derivative is mu, not 2 mu.",
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
        "What came back was cut where it is itself below 0. The mask belongs to the activation: dy where h > 0, of "
        "either sign.",
        **{f"before_{h}": _masked_by_itself(h) for h in ("h1", "h2", "h3", "h4", "h5", "h6")},
    ),
)

GRADIENTS = (
    _back(
        "gradients of mu and logvar exchanged",
        "{came} instead of {expected}: right numbers under each other's names.",
        gradients=_exchanged,
    ),
    _back(
        "bias gradients averaged over the batch",
        "{came} instead of {expected}: a fifth, as there are 5 images. The loss's 1/N is in dlogits already; a bias "
        "adds what comes back.",
        gradients=lambda a: a | {name: a[name] / _n(a) for name in _names(a) if name.endswith("bias")},
    ),
    _back(
        "no gradients for the biases",
        "{came} instead of {expected}: the biases' gradients are 0. They are the sums of what comes back.",
        gradients=lambda a: a | {name: 0 * a[name] for name in _names(a) if name.endswith("bias")},
    ),
)

MISTAKES_BACK = LIKELIHOOD + PATHS + RELU + GRADIENTS
