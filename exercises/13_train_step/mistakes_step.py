"""Wrong training steps around a right gradient, each with what gives it away."""

import numpy as np

from foundation.architecture import Architecture

from .steps import ADAM, backward_with, forward_with, loss_with, train_step_with, wrong

NAMES = tuple(Architecture().parameter_shapes())
RIGHT = train_step_with()


def _step(name, tell, functions=None, **changed):
    return wrong(name, tell, train_step=train_step_with(functions, **changed))


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


def _forward_without_noise(parameters, x, eps):
    return forward_with()(parameters, x, 0 * eps)


def _backward_without_noise(parameters, x, eps, activations, beta):
    return backward_with()(parameters, x, 0 * eps, activations, beta)


STATE = (
    _step(
        "Adam begins anew in every step",
        "The first step is right, the later ones are not: m, v and t that came in are not used, so every step is a "
        "first one.",
        given=lambda name, a: a | {"m_before": 0 * a["m_before"], "v_before": 0 * a["v_before"], "t_before": 0},
    ),
    _step(
        "m and v are not carried",
        "The first step is right, the later ones are not: m and v that came in are not used, each step has only its "
        "own gradient.",
        given=lambda name, a: a | {"m_before": 0 * a["m_before"], "v_before": 0 * a["v_before"]},
    ),
    wrong(
        "the old m and v are returned",
        "m and v came back as they went in: the next step will know nothing of this gradient.",
        train_step=_returning(lambda new, parameters, m, v: new | {"m": m, "v": v}),
    ),
    wrong(
        "t is not counted",
        "{came} instead of {expected}: the next step would be corrected like this one.",
        train_step=_returning(lambda new, parameters, m, v: new | {"t": new["t"] - 1}),
    ),
    _step(
        "t counted after the correction",
        "The first step divides by 1 - β⁰ = 0, and 0/0 follows. t + 1 is the number of this step.",
        m_hat=lambda a: a["m"] / np.float64(1 - ADAM[0] ** a["t_before"]),
        v_hat=lambda a: a["v"] / np.float64(1 - ADAM[1] ** a["t_before"]),
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
        "{came} instead of {expected}: 0.001 whatever `learning_rate` is.",
        given=lambda name, a: a | {"learning_rate": 0.001},
    ),
    _step(
        "β is not handed to backward",
        "With β = 1 all is right; otherwise the loss is, the gradients are not: they are those of β = 1.",
        beta_back=lambda beta: 1.0,
    ),
    _step(
        "noise is not used in the step",
        "Forward and backward ran with eps = 0: the autoencoder of the means. Hand eps on.",
        functions={"forward": _forward_without_noise, "backward": _backward_without_noise},
    ),
    _step(
        "noise is not handed to backward",
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

RESULTS = (
    wrong(
        "the old parameters are returned",
        "m and v moved, the parameters did not: return the new ones.",
        train_step=_returning(lambda new, parameters, m, v: new | {"parameters": parameters}),
    ),
    wrong(
        "loss after the step",
        "{came} instead of {expected}: the loss is that of the parameters that came in; its gradients made the step.",
        train_step=_loss_after_the_step,
    ),
    _step(
        "reconstruction reported as the loss",
        "{came} instead of {expected}: β · kl is missing.",
        functions={"loss": lambda *arguments: {"loss": loss_with()(*arguments)["reconstruction"]}},
    ),
    wrong(
        "parameters changed in place",
        "`parameters[name] -= ...` changes the caller's arrays. The rungs do so on purpose, to save memory; here old "
        "and new are wanted side by side.",
        train_step=_in_place("parameters"),
    ),
    wrong(
        "m and v changed in place",
        "`m[name] *= ...` changes the caller's arrays. The rungs do so on purpose, to save memory; here old and new "
        "are wanted side by side.",
        train_step=_in_place("m", "v"),
    ),
    wrong(
        "parameters, m and v changed in place",
        "`-=`, `*=` and `+=` change the caller's arrays. The rungs do so on purpose, to save memory; here old and new "
        "are wanted side by side.",
        train_step=_in_place("parameters", "m", "v"),
    ),
)

MISTAKES_STEP = STATE + UPDATES + RESULTS
