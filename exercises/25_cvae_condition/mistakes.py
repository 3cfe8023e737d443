"""Conditions that do not arrive, arrive as numbers, or are counted as if they were not given."""

import functools

from exercises.kit.exercise import Mistake
from exercises.kit.lazy import Lazy

torch, c = Lazy("torch"), Lazy("exercises.25_cvae_condition.conditional")


def _of(function, name, make, explanation):
    """A mistake whose function `make()` builds when it is first called, since that needs torch."""
    made = functools.cache(make)

    def wrong(*arguments):
        return made()(*arguments)

    return Mistake(f"{function}: {name}", {function: wrong}, explanation)


def _planes(name, line, explanation):
    return _of("planes", name, lambda: c.planes_with(line), explanation)


def _shapes(name, kind, explanation):
    return _of("shapes", name, lambda: c.shapes_with(getattr(c, kind)), explanation)


def _encode(name, kind, explanation):
    return _of("encode", name, lambda: c.encode_with(getattr(c, kind)), explanation)


def _decode(name, kind, explanation):
    return _of("decode", name, lambda: c.decode_with(getattr(c, kind)), explanation)


def _completion(name, explanation, **changed):
    return _of("completion", name, lambda: c.completion_with(**changed), explanation)


def _loss(name, explanation, **changed):
    return _of("completion_loss", name, lambda: c.loss_with(**changed), explanation)


PLANES = (
    _planes(
        "the label's number in every plane",
        lambda labels, classes, height, width: labels.double()[:, None, None, None].expand(-1, classes, height, width),
        "A number in place of one-hot planes: the convolution's output would be linear in it, as if class 2 were twice "
        "class 1.",
    ),
    _planes(
        "one plane with the label's number",
        lambda labels, classes, height, width: labels.double()[:, None, None, None].expand(-1, 1, height, width),
        "One plane of a number, where each class needs a plane of its own.",
    ),
    _planes(
        "as many planes as the largest label needs",
        lambda labels, classes, height, width: c.as_planes(c.one_hot(labels, int(labels.max()) + 1), height, width),
        "F.one_hot without num_classes counts the labels of the batch: the number of planes would change with it.",
    ),
    _planes(
        "counted from 1",
        lambda labels, classes, height, width: c.as_planes(c.one_hot(labels, classes).roll(-1, 1), height, width),
        "Labels count from 0: label 0 has the first plane.",
    ),
    _planes(
        "black for the label's class and white for the others",
        lambda labels, classes, height, width: 1 - c.as_planes(c.one_hot(labels, classes), height, width),
        "The wrong way round: the label's plane is 1.",
    ),
    _planes(
        "one pixel instead of a plane",
        lambda labels, classes, height, width: c.as_planes(c.one_hot(labels, classes), 1, 1),
        "(N, K, 1, 1) is to be expanded to the height and width of the image: torch.cat does not broadcast.",
    ),
)

SHAPES = (
    _shapes(
        "no planes for the encoder (legal, but looser)",
        "NotInEncoder",
        "encoder.conv1 has C input channels, not C + K: q(z|x) without the label. Any q gives a lower bound on "
        "log p(x|y), but a looser one. The task is q(z|x, y).",
    ),
    _shapes(
        "no columns for the decoder",
        "NotInDecoder",
        "decoder.fc1 has Z inputs, not Z + K: without the label, no class could be chosen when sampling.",
    ),
    _shapes(
        "one input for the label",
        "OneInput",
        "One plane and one column, for the label as a number. Each class needs its own: K planes, K columns.",
    ),
    _shapes(
        "planes for each channel",
        "PlanesForEachChannel",
        "encoder.conv1 has C + C·K input channels; the label's K planes are there once, whatever C is.",
    ),
)

ENCODE = (
    _encode(
        "no label (legal, but looser)",
        "NoLabel",
        "q does not move when the label changes: the label is in the decoder only. That is legal, any q gives a lower "
        "bound on log p(x|y); but the bound is looser, since q must infer the class from x. The task is q(z|x, y).",
    ),
    _encode(
        "the label's number in every plane",
        "Number",
        "The first convolution is linear in the label's number here. One plane for each class, of which one is white.",
    ),
    _encode("labels counted from 1", "FromOne", "Each class has its neighbour's plane: labels count from 0."),
    _encode(
        "as many planes as the largest label needs",
        "ByBatch",
        "No image of this batch is of the last class, and conv1 has a plane for it: F.one_hot(labels, classes).",
    ),
    _encode(
        "planes before the image",
        "Before",
        "The order of channels is the image's first, then the label's: with the others' weights it matters.",
    ),
)

DECODE = (
    _decode(
        "no label",
        "NoLabel",
        "p does not move when the label changes: whatever class is asked for, the images are the same.",
    ),
    _decode(
        "the label's number in every column",
        "Number",
        "fc1 is linear in the label's number here, as if class 2 were twice class 1. One column for each class.",
    ),
    _decode("labels counted from 1", "FromOne", "Each class has its neighbour's column: labels count from 0."),
    _decode(
        "as many columns as the largest label needs",
        "ByBatch",
        "No latent of this batch is of the last class, and fc1 has a column for it: F.one_hot(labels, classes).",
    ),
    _decode("columns before the latents", "Before", "The latents come first, then the label's columns."),
    _of(
        "decode",
        "probabilities for logits",
        lambda: c.decode_with(decode=lambda model, z, labels: torch.sigmoid(model.decode(z, labels))),
        "These are sigmoids: decode returns logits, and the loss takes logits.",
    ),
)

COMPLETION = (
    _completion(
        "the whole image",
        "The image is given in full: what is to be completed would be known, and the decoder would only copy it.",
        make=lambda x, mask: x,
    ),
    _completion(
        "the missing part given",
        "Given and missing are exchanged: mask is 1 where a pixel is given.",
        make=lambda x, mask: x * (1 - mask),
    ),
    _completion(
        "no mask",
        "Without the mask, a black pixel and a missing one look the same: it is one more channel.",
        join=lambda parts, dim: c.image_alone(parts, dim),
    ),
    _completion(
        "a mask of what is missing",
        "The mask's channel is 1 where a pixel is given; here it is 1 where one is missing.",
        last=lambda x, mask: 1 - mask,
    ),
    _completion(
        "the mask before the image",
        "The channels of the image come first, then the mask.",
        join=lambda parts, dim: torch.cat(parts[::-1], dim=dim),
    ),
)

LOSS = (
    _loss(
        "all pixels counted",
        "{got} instead of {expected}: the given pixels are no part of log p(x|z, c), since c holds them.",
        missing=lambda logits, x, mask: c.nats(logits, x).sum() / len(x),
    ),
    _loss(
        "the given pixels counted",
        "{got} instead of {expected}: these are the pixels with mask 1, those that need no prediction.",
        missing=lambda logits, x, mask: (c.nats(logits, x) * mask).sum() / len(x),
    ),
    _loss(
        "logits and image masked before the cross-entropy",
        "Each given pixel has a logit of 0 and a target of 0 here, which costs log 2 = 0.693 nats. The mask belongs "
        "behind the cross-entropy of each pixel.",
        missing=lambda logits, x, mask: c.nats(logits * (1 - mask), x * (1 - mask)).sum() / len(x),
    ),
    _loss(
        "mean over the missing pixels",
        "{got} instead of {expected}: pixels are summed, and only images are averaged.",
        missing=lambda logits, x, mask: (
            (c.nats(logits, x) * (1 - mask)).sum() / ((1 - mask).sum() * len(x) * x.shape[1])
        ),
    ),
    _loss(
        "mean over all pixels",
        "{got} instead of {expected}: divided by the pixels as well; they are summed.",
        missing=lambda logits, x, mask: (c.nats(logits, x) * (1 - mask)).mean(),
    ),
    _loss(
        "sums over the batch",
        "{got} instead of {expected}: the sum over the images, not their mean.",
        missing=lambda logits, x, mask: (c.nats(logits, x) * (1 - mask)).sum(),
        kl=lambda mu, logvar: c.kl_per_image(mu, logvar) * len(mu),
    ),
    _loss(
        "KL subtracted",
        "The loss is the negative bound: reconstruction + KL.",
        total=lambda reconstruction, kl: reconstruction - kl,
    ),
    _loss(
        "no KL",
        "The KL against the prior N(0, I) is missing in the loss: q would be free to say anything.",
        total=lambda reconstruction, kl: reconstruction,
    ),
    _loss(
        "the sigmoid taken twice",
        "The cross-entropy is made for logits and got probabilities.",
        missing=lambda logits, x, mask: (c.nats(torch.sigmoid(logits), x) * (1 - mask)).sum() / len(x),
    ),
)

MISTAKES = PLANES + SHAPES + ENCODE + DECODE + COMPLETION + LOSS
