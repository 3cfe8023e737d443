"""Wrong backward passes of the whole VAE: the right one, called with wrong arguments or spoiled afterwards."""

import dataclasses

import numpy as np

from numpy_impl import gradcheck
from numpy_impl import vae_numpy as vae
from tests.support.wrong_operations import flipped, reshaped


def with_arguments(**changes):
    """The VAE's backward pass with some arguments changed: name=change(parameters, x, eps, run, hidden, objective)."""

    def backward(parameters, x, eps, run, hidden, objective):
        arguments = {"parameters": parameters, "x": x, "eps": eps, "run": run, "hidden": hidden, "objective": objective}
        return vae.backward(**arguments | {name: change(**arguments) for name, change in changes.items()})

    return backward


def objective(**changes):
    return with_arguments(
        objective=lambda objective, **_: dataclasses.replace(
            objective, **{name: change(objective) for name, change in changes.items()}
        )
    )


def weight(name, change):
    return with_arguments(parameters=lambda parameters, **_: parameters | {name: change(parameters[name])})


def gradient(name, change):
    """The right gradients, with those of the tensors called `name...` changed."""

    def backward(*arguments):
        right = vae.backward(*arguments)
        return {key: change(value) if key.startswith(name) else value for key, value in right.items()}

    return backward


def activation(name, change):
    """The right backward pass, given one hidden activation that is changed."""

    def replaced(hidden, **_):
        return tuple(
            part._replace(**{name: change(getattr(part, name))}) if name in part._fields else part for part in hidden
        )

    return with_arguments(hidden=replaced)


def another_forward_pass(parameters, x, eps, _run, _hidden, objective):
    return vae.backward(parameters, x, eps, *vae.forward(parameters, x, -eps), objective)


def without_kl(*arguments):
    return objective(beta=lambda o: 0.0)(*arguments)


def encoder_from_kl_alone(*arguments):
    right, reconstruction = vae.backward(*arguments), without_kl(*arguments)
    return {k: right[k] - reconstruction[k] if k.startswith("encoder") else right[k] for k in right}


def logvar_without_half(*arguments):
    right, reconstruction = vae.backward(*arguments), without_kl(*arguments)
    return {k: right[k] + reconstruction[k] if k.startswith("encoder.logvar") else right[k] for k in right}


def beta_on_the_reconstruction(*arguments):
    *others, objective = arguments
    changed = dataclasses.replace(objective, beta=1 / objective.beta)
    return {k: objective.beta * v for k, v in vae.backward(*others, changed).items()}


def exchanged(*arguments):
    right = vae.backward(*arguments)
    swap = {"encoder.mu": "encoder.logvar", "encoder.logvar": "encoder.mu"}
    return {k: right[swap.get(k.rpartition(".")[0], k.rpartition(".")[0]) + "." + k.rpartition(".")[2]] for k in right}


def one_entry(array):
    array = array.copy()
    array[3, 1] *= 1.001
    return array


VAE_WRONG = {
    "the other likelihood's gradient": objective(
        likelihood=lambda o: "gaussian" if o.likelihood == "bernoulli" else "bernoulli"
    ),
    "beta ignored": objective(beta=lambda o: 1.0),
    "beta squared": objective(beta=lambda o: o.beta**2),
    "beta on the reconstruction": beta_on_the_reconstruction,
    "KL dropped": without_kl,
    "KL without half": objective(beta=lambda o: 2 * o.beta),
    "sigma for its square": objective(sigma=lambda o: o.sigma**0.5),
    "sigma left out": objective(sigma=lambda o: 1.0),
    "summed over the batch": gradient("", lambda g: g * gradcheck.BATCH_SIZE),
    "divided by the batch twice": gradient("", lambda g: g / gradcheck.BATCH_SIZE),
    "descent taken for ascent": gradient("", np.negative),
    "added to the step before": gradient("", lambda g: g + g),
    "another draw of eps": with_arguments(eps=lambda eps, **_: eps[::-1]),
    "eps left out": with_arguments(eps=lambda eps, **_: np.ones_like(eps)),
    "eps is zero": with_arguments(eps=lambda eps, **_: np.zeros_like(eps)),
    "eps with the other sign": with_arguments(eps=lambda eps, **_: -eps),
    "another forward pass": another_forward_pass,
    "another batch": with_arguments(x=lambda x, **_: x[::-1]),
    "z detached": encoder_from_kl_alone,
    "dlogvar through z without half": logvar_without_half,
    "logvar overwrites mu in h3": weight("encoder.mu.weight", np.zeros_like),
    "mu overwrites logvar in h3": weight("encoder.logvar.weight", np.zeros_like),
    "mu and logvar exchanged": exchanged,
    "variance where logvar is due": with_arguments(run=lambda run, **_: run._replace(logvar=np.exp(run.logvar))),
    "conv2 flipped": weight("encoder.conv2.weight", flipped),
    "conv_transpose1 flipped": weight("decoder.conv_transpose1.weight", flipped),
    "conv_transpose2 flipped": weight("decoder.conv_transpose2.weight", flipped),
    "the weights after the step": weight("decoder.fc2.weight", lambda w: w + 1e-4),
    "fc1 passes nothing on": weight("decoder.fc1.weight", np.zeros_like),
    "no ReLU mask at h4": activation("h4", lambda h: np.where(h > 0, h, 1e-300)),
    "no ReLU mask at h5": activation("h5", lambda h: np.where(h > 0, h, 1e-300)),
    "no ReLU mask at h6": activation("h6", lambda h: np.where(h > 0, h, 1e-300)),
    "no ReLU mask at h3": activation("h3", lambda h: np.where(h > 0, h, 1e-300)),
    "no ReLU mask at h2": activation("h2", lambda h: np.where(h > 0, h, 1e-300)),
    "no ReLU mask at h1": activation("h1", lambda h: np.where(h > 0, h, 1e-300)),
    "no mask, inverted": activation("h6", lambda h: np.where(h > 0, 0, 1.0)),
    "bias of conv1 averaged": gradient("encoder.conv1.bias", lambda g: g / 24),
    "bias of fc1 forgotten": gradient("decoder.fc1.bias", np.zeros_like),
    "in and out exchanged": gradient("decoder.conv_transpose1.weight", lambda g: reshaped(g.swapaxes(0, 1), g.shape)),
    "fc not transposed": gradient("encoder.fc.weight", lambda g: g.T),
    "fc2 reshaped": gradient("decoder.fc2.weight", lambda g: reshaped(g.T, g.shape)),
    "kernel gradient flipped": gradient("encoder.conv1.weight", flipped),
    "one entry, a thousandth": gradient("encoder.fc.weight", one_entry),
    "one tensor in float32": gradient("encoder.mu.bias", np.float32),
    "NaN in one tensor": gradient("decoder.conv_transpose2.bias", lambda g: g * np.nan),
}
