"""Modules that do not hold what they use, and weights that are loaded wrongly."""

import functools

from exercises.kit.exercise import Mistake
from exercises.kit.lazy import Lazy

torch, m = Lazy("torch"), Lazy("exercises.23_module.modules")


def _of(function, name, make, explanation):
    """A mistake whose function `make()` builds when it is first called, since that needs torch."""
    made = functools.cache(make)

    def wrong(*arguments):
        return made()(*arguments)

    return Mistake(f"{function}: {name}", {function: wrong}, explanation)


def _names(name, kind, explanation):
    return _of("names", name, lambda: m.names_with(getattr(m, kind)), explanation)


def _encode(name, explanation, kind="Encoder", **changed):
    return _of("encode", name, lambda: m.encode_with(getattr(m, kind), **changed), explanation)


def _gradients(name, explanation, **changed):
    return _of("gradients", name, lambda: m.gradients_with(**changed), explanation)


def _centre(name, kind, explanation):
    return _of("centre", name, lambda: m.centre_with(getattr(m, kind)), explanation)


NO_INIT = (
    "`super().__init__()` makes the place where a module keeps its layers, parameters and buffers: it comes first."
)

NAMES = (
    _names(
        "the encoder's layers are not registered",
        "InAList",
        "A module finds what is assigned to its attributes: layers and parameters. Those in a list, tuple or dict of "
        "Python's own it does not see, and an optimiser would never move them: one attribute each, or nn.ModuleList.",
    ),
    _names(
        "mu and logvar are no layers of the module",
        "HeadsInForward",
        "They are missing in state_dict, as where `forward` makes them: it would make new ones at every call, and none "
        "would learn. Layers are made in `__init__` and used in `forward`.",
    ),
    _names("super().__init__() forgotten", "WithoutInit", NO_INIT),
    _of(
        "names",
        "the encoder's names without its place",
        lambda: lambda sizes: m.names_of(m.Encoder(**sizes)),
        "These are the names inside the encoder. In the VAE each begins with the attribute: encoder.conv1.weight.",
    ),
    _of(
        "names",
        "no decoder",
        lambda: lambda sizes: {n: s for n, s in m.names_of(m.VAE(**sizes)).items() if n.startswith("encoder.")},
        "The VAE has an encoder and no decoder: self.decoder = _Decoder(...).",
    ),
    _names("no biases", "WithoutBiases", "The layers have no biases, as with bias=False. Rung 1's have."),
    _names(
        "weights of linear layers as (inputs, outputs)",
        "Transposed",
        "torch keeps the weight of a linear layer as (outputs, inputs), and so do the other rungs.",
    ),
    _names(
        "fc for a map of half the size",
        "Halved",
        "Two convolutions with stride 2 leave a quarter of height and width. fc has four times as many inputs here.",
    ),
    _names(
        "fc for one channel",
        "ChannelsLeftOut",
        "fc gets the whole map: channels · H/4 · W/4 numbers. The channels are missing here.",
    ),
    _names("kernels of 4 × 4", "KernelOfFour", "The rungs' kernels are 3 × 3."),
    _of(
        "names",
        "the number of entries instead of the shape",
        lambda: lambda sizes: {name: value.numel() for name, value in m.VAE(**sizes).state_dict().items()},
        "A shape is asked for: tuple(value.shape).",
    ),
)

ENCODE = (
    _encode(
        "float64 images for a module in float32",
        "A new module is float32, and load_state_dict rounds what it copies to that. `.double()` on the module first, "
        "or load_state_dict(..., assign=True), which takes the tensors themselves.",
        load=lambda *a: m.single(*a),
    ),
    _encode(
        "the result is on the tape",
        "Where no gradient is wanted, `torch.no_grad()` around the call saves the tape and its memory.",
        encode=lambda model, x: model.encoder(x),
    ),
    _encode(
        "mu and logvar from one layer",
        "mu is the same as logvar: two names for one layer. state_dict lists both, and what is loaded last stays.",
        "OneHead",
    ),
    _encode("logvar before mu", "They are exchanged: first mu, then logvar.", "Exchanged"),
    _encode("the variance for its logarithm", "The second result is exp(logvar).", "Variance"),
    _encode("σ for logvar", "The second result is exp(logvar / 2).", "Sigma"),
    _encode("no ReLU", "There is no ReLU behind conv1, conv2 and fc: all together would be one linear map.", "Linear"),
    _encode("no ReLU behind fc", "The hidden layer's ReLU is missing.", "LinearBehindFc"),
    _encode("no ReLU behind the convolutions", "Both convolutions are without their ReLU.", "LinearConvolutions"),
    _encode(
        "a ReLU behind mu and logvar",
        "No mean and no log-variance is below 0 here: both layers end without a ReLU.",
        "ReluOfHeads",
    ),
    _encode(
        "the map flattened with channels last",
        "The order of fc's inputs is (C, H, W), that of `flatten(1)`; here channels came last.",
        "ChannelsLast",
    ),
)

GRADIENTS = (
    _gradients(
        "no backward pass",
        "No parameter has a gradient: `.grad` is None until `.backward()` has run.",
        backward=lambda value: None,
    ),
    _gradients(
        "the encoder ran without a tape",
        "Under no_grad, or with a .detach() behind it, nothing is recorded that a gradient could go back on.",
        encode=lambda model, x: m.without_tape(model, x),
    ),
    _gradients(
        ".grad of what state_dict gives",
        "state_dict gives tensors off the tape, whose .grad is always None. named_parameters() gives the parameters.",
        result=lambda model: m.of_state_dict(model),
    ),
    _gradients(
        "the encoder's names without its place",
        "The names are those inside the encoder: named_parameters() of the whole VAE has encoder. before them.",
        result=lambda model: m.without_prefix(model),
    ),
    _gradients(
        "the parameters instead of their gradients",
        "These are the weights and biases themselves; their gradients are in .grad.",
        result=lambda model: m.themselves(model),
    ),
    _gradients(
        "zeros for the decoder",
        "The KL does not depend on the decoder: backward leaves its .grad at None, and those names are left out.",
        result=lambda model: m.decoder_too(model),
    ),
    _gradients(
        "the sum over the batch",
        "{got} instead of {expected}: N times too much. The KL is wanted per image.",
        value=lambda mu, logvar: m.kl(mu, logvar) * len(mu),
    ),
    _gradients(
        "mean over the latents",
        "The KL's latents are summed; here their mean was taken.",
        value=lambda mu, logvar: m.kl(mu, logvar) / mu.shape[1],
    ),
    _gradients(
        "KL without the factor ½",
        "Every gradient is twice what it should be: -½ Σ (1 + logvar - mu² - exp(logvar)).",
        value=lambda mu, logvar: 2 * m.kl(mu, logvar),
    ),
    _gradients(
        "the KL's sign",
        "Every gradient is minus the expected one: -½ Σ (1 + logvar - mu² - exp(logvar)) is never negative.",
        value=lambda mu, logvar: -m.kl(mu, logvar),
    ),
)

CENTRE = (
    _centre(
        "mean is a parameter",
        "CentreOfParameter",
        "It is among the parameters, so an optimiser would change it, or a count of parameters would include it. What "
        "is saved but not learned is a buffer: register_buffer.",
    ),
    _centre(
        "mean is a plain attribute",
        "CentreOfAttribute",
        "The module does not hold the tensor: it would not be saved with the weights, and `.float()` and `.to(device)` "
        "leave it where it is. register_buffer.",
    ),
    _centre(
        "mean is not saved",
        "CentreOfPassingBuffer",
        "It moves with the module, and state_dict does not have it: a buffer with persistent=False.",
    ),
    _centre("super().__init__() forgotten", "CentreWithoutInit", NO_INIT),
    _centre("mean added", "CentreAdded", "x - mean is asked for."),
    _centre("one number for all pixels", "CentreOfNumber", "mean is an image: each pixel has a mean of its own."),
    _centre(
        "the mean of the batch", "CentreOfBatch", "The mean of these images was taken, not the one that was given."
    ),
)

MISTAKES = NAMES + ENCODE + GRADIENTS + CENTRE
