"""Right and wrong conditions for modules. Needs torch."""

import torch
import torch.nn.functional as F
from torch import nn

from exercises.kit.tensors import tensors
from paper.vae_paper import kl_divergence

from .stub import _Decoder, _Encoder


def one_hot(labels, classes):
    """Rows with one 1, in float64."""
    return F.one_hot(labels, classes).double()


def as_planes(rows, height, width):
    """(N, K) -> (N, K, H, W)."""
    return rows[:, :, None, None].expand(-1, -1, height, width)


def behind(one, rows):
    """The condition behind what it joins, along axis 1."""
    return torch.cat([one, rows], dim=1)


class ConditionalVAE(nn.Module):
    """The right one, with its parts in functions that others replace."""

    def __init__(self, classes, latents, channels, hidden, image_shape):
        super().__init__()
        self.classes = classes
        self.make(classes, latents, channels, hidden, image_shape)

    def make(self, classes, latents, channels, hidden, image_shape):
        """Both networks."""
        self.encoder = _Encoder(image_shape[0] + classes, latents, channels, hidden, image_shape)
        self.decoder = _Decoder(latents + classes, channels, hidden, image_shape)

    def rows(self, labels):
        """The condition, (N, K)."""
        return one_hot(labels, self.classes)

    def join(self, one, rows):
        """Its place."""
        return behind(one, rows)

    def encode(self, x, labels):
        """mu and logvar."""
        return self.encoder(self.join(x, as_planes(self.rows(labels), *x.shape[2:])))

    def decode(self, z, labels):
        """Logits."""
        return self.decoder(self.join(z, self.rows(labels)))


class NotInEncoder(ConditionalVAE):
    """An encoder of the image alone."""

    def make(self, classes, latents, channels, hidden, image_shape):
        """Both networks."""
        self.encoder = _Encoder(image_shape[0], latents, channels, hidden, image_shape)
        self.decoder = _Decoder(latents + classes, channels, hidden, image_shape)


class NotInDecoder(ConditionalVAE):
    """A decoder of the latents alone."""

    def make(self, classes, latents, channels, hidden, image_shape):
        """Both networks."""
        self.encoder = _Encoder(image_shape[0] + classes, latents, channels, hidden, image_shape)
        self.decoder = _Decoder(latents, channels, hidden, image_shape)


class OneInput(ConditionalVAE):
    """One more input for the label."""

    def make(self, classes, latents, channels, hidden, image_shape):
        """Both networks."""
        self.encoder = _Encoder(image_shape[0] + 1, latents, channels, hidden, image_shape)
        self.decoder = _Decoder(latents + 1, channels, hidden, image_shape)


class PlanesForEachChannel(ConditionalVAE):
    """K planes for each channel of the image."""

    def make(self, classes, latents, channels, hidden, image_shape):
        """Both networks."""
        self.encoder = _Encoder(image_shape[0] * (1 + classes), latents, channels, hidden, image_shape)
        self.decoder = _Decoder(latents + classes, channels, hidden, image_shape)


class NoLabel(ConditionalVAE):
    """Black planes and zeros."""

    def rows(self, labels):
        """Zeros."""
        return 0 * one_hot(labels, self.classes)


class Number(ConditionalVAE):
    """The label's number in every place."""

    def rows(self, labels):
        """Numbers."""
        return labels[:, None].double().expand(-1, self.classes)


class FromOne(ConditionalVAE):
    """Labels counted from 1."""

    def rows(self, labels):
        """The place before."""
        return one_hot(labels, self.classes).roll(-1, 1)


class ByBatch(ConditionalVAE):
    """As many places as the largest label of the batch needs."""

    def rows(self, labels):
        """Rows of changing length."""
        return F.one_hot(labels).double()


class Before(ConditionalVAE):
    """The condition before what it joins."""

    def join(self, one, rows):
        """The other order."""
        return torch.cat([rows, one], dim=1)


def loaded(kind, sizes, parameters):
    """A module in float64 with these parameters."""
    model = kind(**sizes).double()
    model.load_state_dict(parameters)
    return model


def encode_with(kind=ConditionalVAE, encode=lambda model, x, labels: model.encode(x, labels)):
    """`encode` of this class."""

    @tensors()
    def encode_(sizes, parameters, x, labels):
        with torch.no_grad():
            return encode(loaded(kind, sizes, parameters), x, labels)

    return encode_


def decode_with(kind=ConditionalVAE, decode=lambda model, z, labels: model.decode(z, labels)):
    """`decode` of this class."""

    @tensors()
    def decode_(sizes, parameters, z, labels):
        with torch.no_grad():
            return decode(loaded(kind, sizes, parameters), z, labels)

    return decode_


def shapes_with(kind=ConditionalVAE):
    """`shapes` of this class."""
    return lambda sizes: {name: tuple(value.shape) for name, value in kind(**sizes).state_dict().items()}


def planes_with(make):
    """`planes` by this line."""
    return tensors()(lambda labels, classes, height, width: make(labels, classes, height, width))


def one_by_one(labels, classes, height, width):
    """Ones written into zeros."""
    result = torch.zeros(len(labels), classes, height, width, dtype=torch.float64)
    result[torch.arange(len(labels)), labels] = 1
    return result


def completion_with(make=lambda x, mask: x * mask, last=lambda x, mask: mask, join=torch.cat):
    """`completion` with some pieces replaced."""

    @tensors()
    def completion(x, mask):
        return join([make(x, mask), last(x, mask).expand(len(x), 1, *mask.shape)], dim=1)

    return completion


def image_alone(parts, dim):
    """Without the mask."""
    return parts[0]


def nats(logits, x):
    """-log p(x|z) of each pixel."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def kl_per_image(mu, logvar):
    """Mean over the batch."""
    return kl_divergence(mu, logvar) / len(mu)


def loss_with(
    missing=lambda logits, x, mask: (nats(logits, x) * (1 - mask)).sum() / len(x),
    kl=kl_per_image,
    total=lambda reconstruction, kl: reconstruction + kl,
):
    """`completion_loss` with some pieces replaced."""

    @tensors()
    def completion_loss(logits, x, mask, mu, logvar):
        parts = missing(logits, x, mask), kl(mu, logvar)
        return {"loss": total(*parts), "reconstruction": parts[0], "kl": parts[1]}

    return completion_loss


def selected(logits, x, mask):
    """The same over the missing pixels alone, selected first."""
    where = (mask == 0).expand_as(x)
    return F.binary_cross_entropy_with_logits(logits[where], x[where], reduction="sum") / len(x)
