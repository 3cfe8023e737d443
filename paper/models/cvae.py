r"""The conditional VAE (Sohn, Lee & Yan 2015): every distribution is given a condition c.

    log p(x|c) >= E_q[log p(x|z, c)] - KL(q(z|x, c) || p(z))

c is the label, or a part of the image whose rest is wanted. Against `paper/models/vae.py` the encoder sees c beside x
and the decoder sees it beside z. What c says, z need not say again: given the label, z is the style.

The paper learns the prior p(z|c) with one more network, and says that z may be independent of c as well. The latter is
the default here: one style can then be drawn under every label, and nothing else of the VAE changes. The former is
`LearnedPrior`, which adds what the condition says of z:

    log p(x|c) >= E_q[log p(x|z, c)] - KL(q(z|x, c) || p(z|c)),    p(z|c) = Normal(mu_c, exp(logvar_c))        (eq. 4)
"""

from typing import Any, NamedTuple, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.errors import InputError
from foundation.objective import Loss, Objective
from foundation.rung import Traits
from paper.models.base import Images, Labels, Latents, need, options_of
from paper.models.likelihoods import Images as Pixels
from paper.models.likelihoods import Values
from paper.models.networks import make_decoder, make_embedding, make_encoder
from paper.models.normal import kl_of_normals, log_normal, log_normal_of_noise
from paper.models.options import Condition, ConditionalVAEOptions
from paper.models.vae import VAE, free_bits
from paper.vae_paper import reparameterize

ALL_BUT = "all-but-"
"""Beginning of a part that is the rest of the image."""
OneHot = Float[Tensor, "N K"]
Given = Float[Tensor, "N given H W"]


class Conditional(VAE):
    """What both conditional VAEs have in common."""

    options_type = ConditionalVAEOptions

    def _check_prior(self, options: ConditionalVAEOptions) -> None:
        """Raise `InputError` where the options ask for another prior than this class has."""
        own = "learned" if self.traits.learned_prior else "standard"
        if options.prior != own:
            raise InputError(
                f"prior: expected {own}, which is what {type(self).__name__} has, got {options.prior}; "
                f'paper.make("cvae", prior="{options.prior}") makes either'
            )


class ConditionalVAE(Conditional):
    """The VAE given the class: c is one-hot."""

    traits = Traits(condition="label")

    def __init__(
        self,
        options: ConditionalVAEOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        if options.condition != "label" or class_count < 1:
            raise InputError(
                f"class_count: expected a number of classes, and the label as condition, got {class_count} and "
                f"{options.condition}; parts of an image are the condition of `completion_vae`"
            )
        self._check_prior(options)
        super().__init__(options, image_shape, class_count)
        planes = class_count if options.network == "conv" else 0
        channels, height, width = image_shape
        self.encoder = make_encoder(options, (channels + planes, height, width), class_count)
        self.decoder = make_decoder(options, image_shape, class_count)

    def condition(self, x: Images | None, labels: Labels | None = None) -> OneHot:
        """Labels as one-hot vectors, whatever x is."""
        if labels is None:
            raise InputError("labels: expected the class of every image, got none")
        return one_hot(labels, self.class_count).to(next(self.parameters()).dtype)

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, Latents]:
        """mu and logvar of q(z|x, c). A convolution takes c as planes beside the image, the one of its class white."""
        c = need(c)
        if self.options.network == "mlp":
            return self.encoder(x, c)
        planes = c[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.encoder(torch.cat([x, planes], dim=1))

    def decode(self, z: Latents, c: Tensor | None = None) -> Images:
        """The logits of p(x|z, c)."""
        return self.decoder(torch.cat([z, need(c)], dim=1))


class CompletionVAE(Conditional):
    """The VAE given a part of the image: c is the image with all else black, and a mask that is 1 where it is given.

    Only the missing pixels are modelled: log p(x|z, c) counts them alone, and a completed image shows the given ones.
    """

    traits = Traits(condition="part")
    given: Float[Tensor, "H W"]

    def __init__(
        self,
        options: ConditionalVAEOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        self._check_prior(options)
        super().__init__(options, image_shape, class_count)
        channels, height, width = image_shape
        self.encoder = make_encoder(options, (channels + channels + 1, height, width))
        self.embedding = make_embedding(options, (channels + 1, height, width))
        self.decoder = make_decoder(options, image_shape, options.hidden_dims[-1])
        self.register_buffer("given", mask_of(options.condition, height, width), persistent=False)

    def condition(self, x: Images | None, labels: Labels | None = None) -> Given:
        """The given pixels and the mask, as channels."""
        if x is None:
            raise InputError("x: expected the images whose part is given, got none")
        return torch.cat([x * self.given, self.given.to(x.dtype).expand(len(x), 1, -1, -1)], dim=1)

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, Latents]:
        """mu and logvar of q(z|x, c)."""
        return self.encoder(torch.cat([x, need(c)], dim=1))

    def decode(self, z: Latents, c: Tensor | None = None) -> Images:
        """The logits of p(x|z, c), which is given c through a network of its own."""
        return self.decoder(torch.cat([z, self.embedding(need(c))], dim=1))

    def log_prob(self, logits: Pixels, x: Pixels) -> Values:
        """log p(x|z, c) in nats, summed over the missing pixels of each image."""
        return self.likelihood.log_prob(logits, x, 1 - self.given)

    @torch.no_grad()
    def reconstruct(self, x: Images, c: Tensor | None = None) -> Images:
        """The given pixels, and x_hat for the missing ones from the mean of q(z|x, c): here x is known in full."""
        return paste(super().reconstruct(x, c), need(c))

    @torch.no_grad()
    def sample(self, z: Latents, c: Tensor | None = None) -> Images:
        """The given pixels, completed: each z from the prior is another guess at the missing ones."""
        return paste(super().sample(z, c), need(c))

    @torch.no_grad()
    def draw(self, z: Latents, c: Tensor | None, generator: torch.Generator) -> Images:
        """The given pixels, and a draw from p(x|z, c) for the missing ones."""
        return paste(super().draw(z, c, generator), need(c))

    def mask(self) -> Float[Tensor, "H W"]:
        """1 where a pixel is given."""
        return self.given


class Forward(NamedTuple):
    """The results of one forward pass with a learned prior."""

    mu: Latents
    logvar: Latents
    z: Latents
    logits: Images
    prior_mu: Latents
    prior_logvar: Latents


class LearnedPrior(VAE):
    """What a learned p(z|c) changes of a conditional VAE: the KL, and draws from the prior."""

    prior_network: nn.Module

    def prior_moments(self, c: Tensor | None) -> tuple[Latents, Latents]:
        """mu_c and logvar_c of p(z|c)."""
        return self.prior_network(need(c))

    def forward(  # type: ignore[override]  # with the prior beside it
        self, x: Images, eps: Latents, c: Tensor | None = None
    ) -> Forward:
        """x, c -> q(z|x, c) -> z -> p(x|z, c), and c -> p(z|c)."""
        mu, logvar = self.encode(x, c)
        z = reparameterize(mu, logvar, eps)
        return Forward(mu, logvar, z, self.decode(z, c), *self.prior_moments(c))

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]  # of its own Forward
        """The negative ELBO with KL(q(z|x, c) || p(z|c)), which has a closed form."""
        reconstruction = -self.log_prob(run.logits, x).sum() / len(x)
        kl = kl_of_normals(run.mu, run.logvar, run.prior_mu, run.prior_logvar)
        kl_term = objective.beta * free_bits(kl, objective.free_bits)
        return Loss(reconstruction + kl_term, reconstruction, kl.sum(1).mean())

    def draw_z(self, mu: Latents, logvar: Latents, eps: Latents, c: Tensor | None = None) -> tuple[Latents, Values]:
        """z from q(z|x, c), and log p(z|c) - log q(z|x, c)."""
        z = reparameterize(mu, logvar, eps)
        return z, (log_normal(z, *self.prior_moments(c)) - log_normal_of_noise(eps, logvar)).sum(1)

    def prior(self, eps: Latents, c: Tensor | None = None) -> Latents:
        """z from p(z|c)."""
        return reparameterize(*self.prior_moments(c), eps)


class LabelPrior(nn.Module):
    """mu and logvar of p(z|label): for one-hot labels a linear map is any map."""

    def __init__(self, class_count: int, latent_dim: int) -> None:
        super().__init__()
        self.mu = nn.Linear(class_count, latent_dim)
        self.logvar = nn.Linear(class_count, latent_dim)

    def forward(self, c: OneHot) -> tuple[Latents, Latents]:
        return self.mu(c), self.logvar(c)


class LearnedPriorConditionalVAE(LearnedPrior, ConditionalVAE):
    """The VAE given the class, with p(z|label) learned."""

    traits = Traits(condition="label", closed_kl=False, learned_prior=True)

    def __init__(self, options: ConditionalVAEOptions, image_shape: tuple[int, int, int], class_count: int) -> None:
        super().__init__(options, image_shape, class_count)
        self.prior_network = LabelPrior(class_count, options.latent_dim)


class LearnedPriorCompletionVAE(LearnedPrior, CompletionVAE):
    """The VAE given a part of the image, with p(z|part) learned by a network like the encoder."""

    traits = Traits(condition="part", closed_kl=False, learned_prior=True)

    def __init__(self, options: ConditionalVAEOptions, image_shape: tuple[int, int, int], class_count: int) -> None:
        super().__init__(options, image_shape, class_count)
        channels, height, width = image_shape
        self.prior_network = make_encoder(options, (channels + 1, height, width))


def conditional_vae(options: ConditionalVAEOptions, image_shape: tuple[int, int, int], class_count: int) -> VAE:
    """The conditional VAE for the condition and the prior of the options."""
    kinds = {
        ("label", "standard"): ConditionalVAE,
        ("label", "learned"): LearnedPriorConditionalVAE,
        ("part", "standard"): CompletionVAE,
        ("part", "learned"): LearnedPriorCompletionVAE,
    }
    kind = kinds["label" if options.condition == "label" else "part", options.prior]
    return kind(options, image_shape, class_count)


def one_hot(labels: Int[Tensor, " N"], class_count: int) -> Int[Tensor, "N K"]:
    """Labels (N,) -> (N, K); `InputError` for a label outside the classes."""
    outside = labels[(labels < 0) | (labels >= class_count)]
    if len(outside):
        raise InputError(f"labels: expected 0 to {class_count - 1}, got {outside[0].item()}")
    return F.one_hot(labels.long(), class_count)


def mask_of(part: str, height: int, width: int) -> Float[Tensor, "H W"]:
    """1 in the part of an image, such as "upper-left" or "bottom", else 0; `InputError` for a part that is not."""
    parts = [name for name in get_args(Condition) if name != "label"]
    if part not in parts:
        raise InputError(f"part: expected one of {', '.join(parts)}, got {part!r}")
    if part.startswith(ALL_BUT):
        return 1 - mask_of(part.removeprefix(ALL_BUT), height, width)
    words = set(part.split("-"))
    mask = torch.ones(height, width)
    if words & {"upper", "top"}:
        mask[height // 2 :] = 0
    if words & {"lower", "bottom"}:
        mask[: height // 2] = 0
    if "left" in words:
        mask[:, width // 2 :] = 0
    if "right" in words:
        mask[:, : width // 2] = 0
    return mask


def paste(x_hat: Images, c: Given) -> Images:
    """x_hat with the given pixels of c in their places."""
    given, mask = c[:, :-1], c[:, -1:]
    return torch.where(mask > 0, given, x_hat)
