r"""The semi-supervised model M2 of Kingma, Mohamed, Rezende & Welling (2014), arXiv:1406.5298.

    p(y) = uniform over K classes      p(z) = Normal(0, I)      p(x|y, z) = likelihood(decoder(z, y))        (eq. 2)
    q(y|x) = softmax(classifier(x))    q(z|x, y) = Normal(mu, exp(logvar)), of encoder(x, y)                 (eq. 4)

    log p(x, y) >= E_q(z|x,y)[log p(x|y, z) + log p(y) + log p(z) - log q(z|x, y)] = -L(x, y)                (eq. 6)
    log p(x)    >= sum_y q(y|x) (-L(x, y)) + H(q(y|x))                             = -U(x)                   (eq. 7)

    J       = sum of L(x, y) over labelled images + sum of U(x) over the others                              (eq. 8)
    J^alpha = J + alpha E[-log q(y|x)], the mean over labelled images                                        (eq. 9)

Against `paper/models/cvae.py` the class is one more latent where no label is given: q(y|x) infers it, and the sum over
all classes is exact. Without the last term of eq. 9 q(y|x) would learn nothing from the labelled images.

The loss is J^alpha / N, so that `alpha` here is the paper's alpha / N, which is 0.1 there. A batch of few labels in
many images holds mostly none. So the last term takes labelled images of its own, one for each image of the batch, drawn
at random: its expectation is that of eq. 9. All classes of an image share one draw of eps, where the paper has one for
each; the expectation is the same.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.objective import Objective
from foundation.options import TrainOptions
from foundation.rung import Traits
from paper.models.base import Images, Labels, Latents, Scalar, Values
from paper.models.cvae import ConditionalVAE, OneHot, one_hot
from paper.models.networks import make_embedding
from paper.models.options import M2Options
from paper.models.vae import free_bits, kl_per_latent
from paper.vae_paper import reparameterize

PerClass = Float[Tensor, "N K"]
Every = Float[Tensor, "M Z"]
"""Of every class of every image, M = N K"""
UNKNOWN = -1
"""The label of an image whose class is not known"""


class Forward(NamedTuple):
    """The results of one forward pass, for every image under every class."""

    mu: Float[Tensor, "N K Z"]
    logvar: Float[Tensor, "N K Z"]
    z: Float[Tensor, "N K Z"]
    logits: Float[Tensor, "N K C H W"]
    log_q: PerClass
    """log q(y|x)"""
    c: OneHot
    """The label where it is known, else zeros"""
    surprise: Values
    """-log q(y|x) of labelled images, whose mean over the batch is the last term of eq. 9"""


class Loss(NamedTuple):
    """The objective and its parts, in nats per image."""

    loss: Scalar
    """reconstruction + beta * kl + alpha * classification"""
    reconstruction: Scalar
    """-E_q[log p(x|y, z)]"""
    kl: Scalar
    """KL(q(y, z|x) || p(y) p(z)): of z, expected over y, and of y, which is log K where the label is known"""
    classification: Scalar
    """-log q(y|x), mean over labelled images; 0 where no label is known"""


class Bound(NamedTuple):
    """The parts of L(x, y) where the label is known, and of U(x) elsewhere, for each image in nats."""

    reconstruction: Values
    kl_of_z: Latents
    """Of each latent, expected over y"""
    kl_of_y: Values


class M2(ConditionalVAE):
    """The VAE given the class where it is known, with a classifier q(y|x) for where it is not."""

    traits = Traits(condition="label", classifier=True)

    options_type = M2Options
    labelled_images: Tensor | None
    labels: Tensor | None

    def __init__(
        self,
        options: M2Options | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        super().__init__(options, image_shape, class_count, **choices)
        embedding = make_embedding(self.options, image_shape)
        self.classifier = nn.Sequential(embedding, nn.Linear(self.options.hidden_dims[-1], class_count))
        # Of the training alone: no part of the weights.
        self.register_buffer("labelled_images", None, persistent=False)
        self.register_buffer("labels", None, persistent=False)

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Noise of z, and numbers of which the first chooses a labelled image: (N, 2, Z)."""
        return count, 2, self.options.latent_dim

    def before_training(self, data: Data[np.ndarray], options: TrainOptions) -> Data[np.ndarray]:
        """Keep the labelled images at hand, and hide the other labels: of the validation images all.

        Where pixels are drawn for every batch, those of the images at hand are drawn once. Raises `InputError` where
        there are fewer labels than `labelled`.
        """
        rng = np.random.default_rng([options.seed, self.options.labelled])
        known = np.flatnonzero(data.train.labels != UNKNOWN)
        chosen = known[choose(data.train.labels[known], self.options.labelled, rng)]
        images = data.train.images[chosen]
        if options.data.binarise == "dynamic":
            images = (rng.random(images.shape, dtype=np.float32) < images).astype(images.dtype)
        mould = next(self.parameters())
        self.labelled_images = torch.from_numpy(images).to(mould)
        self.labels = torch.from_numpy(data.train.labels[chosen]).to(mould.device, torch.int64)
        validation = None if data.validation is None else hide(data.validation, np.empty(0, np.int64))
        return Data(data.name, hide(data.train, chosen), validation, data.test, data.source, data.left_out)

    def condition(self, x: Images | None, labels: Labels | None = None) -> OneHot:
        """Labels as one-hot vectors, of zeros where a label is -1; without labels the most probable classes."""
        if labels is None:
            if x is None:
                raise InputError("labels: expected the class of every image, or the images, got neither")
            labels = self.log_q(x).argmax(1)
        known = labels != UNKNOWN
        return one_hot(labels.where(known, 0), self.class_count).to(next(self.parameters()).dtype) * known[:, None]

    def log_q(self, x: Images) -> PerClass:
        """log q(y|x) of every class, in nats."""
        return F.log_softmax(self.classifier(x), dim=1)

    def forward(  # type: ignore[override]  # for every class
        self, x: Images, eps: Float[Tensor, "N 2 Z"], c: OneHot | None = None
    ) -> Forward:
        """x -> q(y|x); x and every y -> q(z|x, y) -> z -> p(x|y, z), all classes in one batch of N K."""
        N, K = len(x), self.class_count
        every = torch.eye(K, dtype=x.dtype, device=x.device).repeat(N, 1)
        mu, logvar = self.encode_every(x, every)
        z = reparameterize(mu, logvar, eps[:, 0].repeat_interleave(K, dim=0))
        mu, logvar, z, logits = (value.unflatten(0, (N, K)) for value in (mu, logvar, z, self.decode(z, every)))
        log_q = self.log_q(x)
        c = torch.zeros_like(log_q) if c is None else c
        return Forward(mu, logvar, z, logits, log_q, c, self.surprise(log_q, c, eps[:, 1, 0]))

    def encode_every(self, x: Images, every: Float[Tensor, "M K"]) -> tuple[Every, Every]:
        """mu and logvar of q(z|x, y) for every class of every image.

        The first layer of an mlp is W x + V y + b: the product with x, the largest of the encoder, is that of all
        classes.
        """
        if self.options.network == "conv":
            return self.encode(x.repeat_interleave(self.class_count, dim=0), every)
        encoder: Any = self.encoder
        first, *others = encoder.hidden
        of_x, of_y = first.weight.split([first.in_features - self.class_count, self.class_count], dim=1)
        h = F.linear(x.flatten(1), of_x, first.bias)[:, None] + of_y.T
        for layer in others:
            h = layer(h)
        h = h.flatten(0, 1)
        return encoder.mu(h), encoder.logvar(h)

    def surprise(self, log_q: PerClass, c: OneHot, chance: Values) -> Values:
        """-log q(y|x) of a labelled image for each number from N(0, 1), or of those in the batch outside of training.

        Where labels are missing from a batch, the others count for more, so that the mean is theirs.
        """
        if self.training and self.labelled_images is not None and self.labels is not None:
            place = torch.special.ndtr(chance.double()) * len(self.labels)
            chosen = place.long().clamp(max=len(self.labels) - 1)
            return F.cross_entropy(self.classifier(self.labelled_images[chosen]), self.labels[chosen], reduction="none")
        return -(c * log_q).sum(1) * (len(c) / c.sum().clamp(min=1))

    def bound(self, run: Forward, x: Images) -> Bound:
        """The parts of L(x, y), or of U(x) where the label is not known."""
        q, unknown = run.log_q.exp(), 1 - run.c.sum(1)
        share = run.c + unknown[:, None] * q
        reconstruction = -(share * self.log_prob(run.logits, x[:, None])).sum(1)
        kl_per_class = kl_per_latent(run.mu.flatten(0, 1), run.logvar.flatten(0, 1)).view_as(run.mu)
        kl_of_z = (share[:, :, None] * kl_per_class).sum(1)
        negative_entropy = unknown * (q * run.log_q).sum(1)
        return Bound(reconstruction, kl_of_z, math.log(self.class_count) + negative_entropy)

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]  # of its own Forward
        """J^alpha / N; free bits are those of each latent of z."""
        reconstruction, kl_of_z, kl_of_y = self.bound(run, x)
        kl_of_y = kl_of_y.mean()
        kl_term = objective.beta * (free_bits(kl_of_z, objective.free_bits) + kl_of_y)
        classification = run.surprise.mean()
        loss = reconstruction.mean() + kl_term + self.options.alpha * classification
        return Loss(loss, reconstruction.mean(), kl_of_z.sum(1).mean() + kl_of_y, classification)


def choose(labels: Int[np.ndarray, " N"], count: int, rng: np.random.Generator) -> Int[np.ndarray, " M"]:
    """Indices of `count` random images, equally many of each class, or one more of some; 0 takes all.

    Raises `InputError` where a class has not as many, or where there are fewer than classes.
    """
    if count == 0:
        return np.arange(len(labels))
    classes = rng.permutation(np.unique(labels))
    if count < len(classes):
        raise InputError(f"labelled: expected at least one image of each of {len(classes)} classes, got {count}")
    order, found = rng.permutation(len(labels)), []
    for place, label in enumerate(classes):
        share = count // len(classes) + (place < count % len(classes))
        own = order[labels[order] == label][:share]
        if len(own) < share:
            raise InputError(f"labelled: {count} needs {share} training images of class {label}, got {len(own)}")
        found.append(own)
    return np.sort(np.concatenate(found))


def hide(part: Dataset[np.ndarray], kept: Int[np.ndarray, " M"]) -> Dataset[np.ndarray]:
    """The data set without its labels, but those of the images at these indices."""
    labels = np.full_like(part.labels, UNKNOWN)
    labels[kept] = part.labels[kept]
    return Dataset(part.name, part.split, part.images, labels, part.classes, part.factors, part.seed, part.left_out)
