"""Wrong ways to differentiate z, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake


def _backward(name, dlogvar, tell):
    return Mistake(name, {"reparameterize_backward": lambda dz, logvar, eps: (dz, dlogvar(dz, logvar, eps))}, tell)


def _dlogvar(dz, logvar, eps):
    return dz * eps * np.exp(logvar / 2) / 2


def _dmu(name, dmu, tell):
    wrong = {"reparameterize_backward": lambda dz, logvar, eps: (dmu(dz, logvar, eps), _dlogvar(dz, logvar, eps))}
    return Mistake(name, wrong, tell)


BACKWARD = (
    _backward(
        "dlogvar without ½",
        lambda dz, logvar, eps: dz * eps * np.exp(logvar / 2),
        "{came} instead of {expected}: twice too much. The ½ in exp(logvar/2) comes down as a factor.",
    ),
    _backward(
        "dlogvar without σ",
        lambda dz, logvar, eps: dz * eps / 2,
        "{came} instead of {expected}: divided by σ = 4. The derivative of exp(logvar/2) holds exp(logvar/2) itself.",
    ),
    _backward(
        "dlogvar without ε",
        lambda dz, logvar, eps: dz * np.exp(logvar / 2) / 2,
        "{came} instead of {expected}: divided by ε = 3. σ moves z by as much as it stretches the noise.",
    ),
    _backward(
        "dσ instead of dlogvar",
        lambda dz, logvar, eps: dz * eps,
        "{came} instead of {expected}: dz·ε is the derivative with respect to σ; the factor σ/2 leads on to logvar.",
    ),
    _backward(
        "exp(logvar) in dlogvar",
        lambda dz, logvar, eps: dz * eps * np.exp(logvar) / 2,
        "{came} instead of {expected}: the variance 16 stands where σ = 4 belongs.",
    ),
    _backward(
        "1/σ in dlogvar",
        lambda dz, logvar, eps: dz * eps / np.exp(logvar / 2) / 2,
        "{came} instead of {expected}: divided by σ = 4 instead of multiplied.",
    ),
    _backward(
        "dlogvar negative",
        lambda dz, logvar, eps: -_dlogvar(dz, logvar, eps),
        "{came} instead of {expected}: for ε > 0 a larger σ moves z up, in the direction of dz.",
    ),
    _backward(
        "dlogvar detached",
        lambda dz, logvar, eps: np.zeros_like(dz),
        "{came} instead of {expected}: no gradient reaches logvar, so only the KL would teach the encoder its σ: "
        "everywhere 1.",
    ),
    _backward(
        "dlogvar ignores dz",
        lambda dz, logvar, eps: eps * np.exp(logvar / 2) / 2,
        "dmu is right, and dlogvar is for dz = 1 only: what comes from above is a factor of everything.",
    ),
    _dmu(
        "dmu times ε",
        lambda dz, logvar, eps: dz * eps,
        "{came} instead of {expected}: μ moves z by as much as it moves itself; the noise plays no part.",
    ),
    _dmu(
        "dmu times σ",
        lambda dz, logvar, eps: dz * np.exp(logvar / 2),
        "{came} instead of {expected}: σ = 4 stretches the noise, not the mean.",
    ),
    _dmu(
        "dmu detached",
        lambda dz, logvar, eps: np.zeros_like(dz),
        "{came} instead of {expected}: the reconstruction cannot move the mean, and the KL alone pulls it to 0.",
    ),
    _dmu(
        "dmu is 1",
        lambda dz, logvar, eps: np.ones_like(dz),
        "∂z/∂μ = 1 is right, and dz is its factor: the derivative of the loss is dz · 1.",
    ),
    _dmu(
        "dmu averaged over the batch",
        lambda dz, logvar, eps: dz / len(dz),
        "{came} instead of {expected}: a share 1/N. The average over images is part of the loss, and already in dz.",
    ),
    Mistake(
        "both averaged over the batch",
        {"reparameterize_backward": lambda dz, logvar, eps: (dz / len(dz), _dlogvar(dz, logvar, eps) / len(dz))},
        "{came} instead of {expected}: a share 1/N. The average over images is part of the loss, and already in dz.",
    ),
    Mistake(
        "dmu and dlogvar exchanged",
        {"reparameterize_backward": lambda dz, logvar, eps: (_dlogvar(dz, logvar, eps), dz)},
        "Both are right, in the wrong order: the tuple is (dmu, dlogvar).",
    ),
    Mistake(
        "both ignore dz",
        {"reparameterize_backward": lambda dz, logvar, eps: (np.ones_like(dz), _dlogvar(1, logvar, eps))},
        "Right for dz = 1 only: what comes from above is a factor of everything that goes down.",
    ),
    Mistake(
        "summed over the batch",
        {
            "reparameterize_backward": lambda dz, logvar, eps: (
                dz.sum(axis=0),
                _dlogvar(dz, logvar, eps).sum(axis=0),
            )
        },
        "One number per latent came. mu and logvar are no parameters: every image has its own, so no sum is taken.",
    ),
)
