"""Exercise 25: a label, or a part of the image, as a condition of modules."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, full, normal, sized, uniform
from exercises.kit.lazy import Lazy
from exercises.kit.tensors import tensors
from foundation.architecture import Architecture, initial_parameters

from .mistakes import MISTAKES

N, Z, K, C1, C2, HIDDEN, IMAGE, ROWS, COLUMNS = axes(7, 4, 5, 6, 9, 11, 3, 2, 3)
HEIGHT, WIDTH = axes(8, 12)

torch, c = Lazy("torch"), Lazy("exercises.25_cvae_condition.conditional")
cvae, options, vae_paper = Lazy("paper.models.cvae"), Lazy("paper.models.options"), Lazy("paper.vae_paper")


def _model(sizes):
    """The rung's."""
    chosen = options.ConditionalVAEOptions(
        latent_dim=sizes["latents"], channels=sizes["channels"], hidden_dims=(sizes["hidden"],)
    )
    return cvae.ConditionalVAE(chosen, sizes["image_shape"], sizes["classes"])


def _loaded(sizes, parameters):
    with torch.device("meta"):  # without initial numbers, which are replaced at once
        model = _model(sizes)
    model.load_state_dict(parameters, assign=True)
    return model


@tensors()
def planes(labels, classes, height, width):
    """The rung's one-hot rows, expanded as in its `encode`."""
    rows = cvae.one_hot(labels, classes).double()
    return rows[:, :, None, None].expand(-1, -1, height, width)


def shapes(sizes):
    """Of the rung's model."""
    return {name: tuple(value.shape) for name, value in _model(sizes).state_dict().items()}


@tensors()
def encode(sizes, parameters, x, labels):
    """The rung's."""
    model = _loaded(sizes, parameters)
    with torch.no_grad():
        return model.encode(x, model.condition(None, labels))


@tensors()
def decode(sizes, parameters, z, labels):
    """The rung's."""
    model = _loaded(sizes, parameters)
    with torch.no_grad():
        return model.decode(z, model.condition(None, labels))


@tensors()
def completion(x, mask):
    """The condition of the rung's CompletionVAE, for any mask."""
    return torch.cat([x * mask, mask.expand(len(x), 1, -1, -1)], dim=1)


@tensors()
def completion_loss(logits, x, mask, mu, logvar):
    """The cross-entropy of each pixel, of which the missing ones count."""
    nats = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    reconstruction = (nats * (1 - mask)).flatten(1).sum(1).mean()
    kl = vae_paper.kl_divergence(mu, logvar) / len(mu)
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def _sizes(rng):
    classes, latents, c1, c2, hidden, image, rows, columns = sized(rng, K, Z, C1, C2, HIDDEN, IMAGE, ROWS, COLUMNS)
    shape = image, 4 * rows, 4 * columns
    return {"classes": classes, "latents": latents, "channels": (c1, c2), "hidden": hidden, "image_shape": shape}


def _parameter_shapes(sizes):
    """Of the encoder of C + K channels, and of the decoder of Z + K latents."""
    image, *size = sizes["image_shape"]
    more = {"image_shape": (image + sizes["classes"], *size), "latent_dim": sizes["latents"]}
    less = {"image_shape": sizes["image_shape"], "latent_dim": sizes["latents"] + sizes["classes"]}
    same = {"channels": sizes["channels"], "hidden_dim": sizes["hidden"]}
    return Architecture(**more, **same), Architecture(**less, **same)


def _initial(rng):
    encoder, decoder = _parameter_shapes(_sizes(rng))
    drawn = {
        "encoder": initial_parameters(encoder, rng, np.float64),
        "decoder": initial_parameters(decoder, rng, np.float64),
    }
    return {name: value for part, values in drawn.items() for name, value in values.items() if name.startswith(part)}


def _of_labels(rng):
    """A network that depends on the label alone: mu is 1, 4, 9, ... for the labels 0, 1, 2, ..., and so is h4."""
    encoder, decoder = _parameter_shapes(_sizes(rng))
    all_shapes = {"encoder": encoder.parameter_shapes(), "decoder": decoder.parameter_shapes()}
    p = {name: np.zeros(shape) for part, shapes in all_shapes.items() for name, shape in shapes.items() if part in name}
    sizes = _sizes(rng)
    squares = np.arange(1, sizes["classes"] + 1) ** 2
    p["encoder.conv1.weight"][0, sizes["image_shape"][0] :, 1, 1] = squares
    p["decoder.fc1.weight"][:, sizes["latents"] :] = squares
    for name in ("encoder.conv2.weight", "decoder.conv_transpose1.weight", "decoder.conv_transpose2.weight"):
        p[name][0, 0, 1, 1] = 1
    for name in ("encoder.fc.weight", "encoder.mu.weight", "decoder.fc2.weight"):
        p[name][:, 0] = 1
    return p


def _images(rng):
    return rng.random((*sized(rng, N), *_sizes(rng)["image_shape"]))


def _labels(rng):
    return rng.integers(0, *sized(rng, K), sized(rng, N))


def _differ(one, other):
    return bool(np.any(np.abs(one - other) > 1e-9))


def _move_q(answer, rng):
    """Every image once with its label and once with the next one."""
    sizes, parameters, x, labels = _sizes(rng), _initial(rng), _images(rng), _labels(rng)
    mu, logvar = answer.encode(sizes, parameters, x, labels)
    other_mu, other_logvar = answer.encode(sizes, parameters, x, (labels + 1) % sizes["classes"])
    return {"mu moves": _differ(mu, other_mu), "logvar moves": _differ(logvar, other_logvar)}


def _move_p(answer, rng):
    """Every z once with a label and once with the next one."""
    sizes, parameters, labels = _sizes(rng), _initial(rng), _labels(rng)
    z = rng.standard_normal((len(labels), sizes["latents"]))
    logits = answer.decode(sizes, parameters, z, labels)
    return {"logits move": _differ(logits, answer.decode(sizes, parameters, z, (labels + 1) % sizes["classes"]))}


def _upper_half(rng):
    height, width = sized(rng, HEIGHT, WIDTH)
    mask = np.zeros((height, width))
    mask[: height // 2] = 1
    return mask


PICTURES = N, IMAGE, HEIGHT, WIDTH
NETWORK = {"sizes": _sizes, "parameters": _initial}
OF_LABELS = {"sizes": _sizes, "parameters": _of_labels}
THREE = {"labels": np.array([2, 0, 1])}


def _few(rng):
    """Three black images."""
    return np.zeros((3, *_sizes(rng)["image_shape"]))


def _few_latents(rng):
    return np.zeros((3, *sized(rng, Z)))


probes = (
    call("planes", "labels 2 and 0 of five classes", labels=np.array([2, 0]), classes=5, height=3, width=4),
    call(
        "planes",
        "random labels",
        labels=_labels,
        classes=lambda rng: rng.size(K),
        height=lambda rng: rng.size(HEIGHT),
        width=lambda rng: rng.size(WIDTH),
    ),
    call("shapes", "random sizes", sizes=_sizes),
    call(
        "encode -> mu, logvar",
        "a network of the label alone: mu is 1, 4, 9 for the labels 0, 1, 2",
        **OF_LABELS,
        x=_few,
        **THREE,
    ),
    Probe("does q move when only the label changes?", _move_q),
    call("encode -> mu, logvar", "random numbers", **NETWORK, x=_images, labels=_labels),
    call(
        "decode",
        "a network of the label alone: 1, 4, 9 for the labels 0, 1, 2",
        **OF_LABELS,
        z=_few_latents,
        **THREE,
    ),
    Probe("does p move when only the label changes?", _move_p),
    call("decode", "random numbers", **NETWORK, z=normal(N, Z), labels=_labels),
    call("completion", "the upper half is given", x=uniform(*PICTURES), mask=_upper_half),
    call(
        "completion_loss",
        "every logit 0, every mean at 2, the upper half given",
        logits=lambda rng: np.zeros(sized(rng, *PICTURES)),
        x=uniform(*PICTURES),
        mask=_upper_half,
        mu=full(N, Z, value=2),
        logvar=full(N, Z, value=0),
    ),
    call(
        "completion_loss",
        "random numbers",
        logits=normal(*PICTURES),
        x=uniform(*PICTURES),
        mask=_upper_half,
        mu=normal(N, Z),
        logvar=normal(N, Z),
    ),
)

hints = Hints(
    idea="A condition is one more input of each network, and nothing else changes. A network of rows takes it as "
    "columns, one of convolutions as planes: channels that are the same at every pixel. So the first layer of each has "
    "more inputs, and its weights have more columns. What is given is not predicted, and so it is not counted.",
    formula="encoder: C + K channels; decoder: Z + K inputs. c = one-hot rows (N, K), or planes (N, K, H, W). A part "
    "of an image: c = [x · mask, mask]. loss = Σ (1 - mask) · nats of each pixel / N + KL(q(z|x, c) || N(0, I)).",
    line="F.one_hot(..., classes).double()[:, :, None, None].expand(...); torch.cat([..., ...], dim=1); "
    'F.binary_cross_entropy_with_logits(..., reduction="none") keeps the pixels apart.',
)

exercise = Exercise(
    solution={
        "planes": planes,
        "shapes": shapes,
        "encode": encode,
        "decode": decode,
        "completion": completion,
        "completion_loss": completion_loss,
    },
    sources=(
        "paper.models.cvae:ConditionalVAE",
        "paper.models.cvae:CompletionVAE.condition",
        "paper.models.cvae:CompletionVAE.log_prob",
    ),
    probes=probes,
    fixed=lambda path, axis, sizes: sizes == {1} or ("conv" in path[-1] and axis > 1),  # grey images, kernels of 3 × 3
    requires="torch",
    hints=hints,
    model_answer=(
        "The encoder: the bound holds for every q. Without c it is at best as tight, and it loses little where x "
        "shows c itself. Without c in the decoder nothing would depend on c, since the prior does not either, and "
        "p(x|c) would be p(x)."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "planes": lambda *a: c.planes_with(c.one_by_one)(*a),
            "shapes": lambda sizes: c.shapes_with()(sizes),
            "encode": lambda *a: c.encode_with()(*a),
            "decode": lambda *a: c.decode_with()(*a),
            "completion": lambda *a: c.completion_with(make=lambda x, mask: torch.where(mask > 0, x, 0.0))(*a),
            "completion_loss": lambda *a: c.loss_with(missing=c.selected)(*a),
        },
    ),
)
