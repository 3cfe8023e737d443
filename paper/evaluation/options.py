"""Options of `vae-ladder evaluate`. Nothing here needs torch."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from foundation.arguments import Option, Positional, optional
from foundation.options import check_sizes, check_torch_seed, no_effect


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Measure a trained model on the test images.

    The ELBO and its parts; log p(x) by importance sampling with its standard error, and by annealing between two
    bounds, with the rate-distortion curve; KL of every latent and the active units; disentanglement where the factors
    of variation are known (shapes, glyphs, rooms).

    Examples:
      vae-ladder evaluate
      vae-ladder evaluate --draws 5000 --images 1000
      vae-ladder evaluate RUN --weights best
      vae-ladder evaluate --annealing 200
    """

    run: Annotated[Positional[Path | None], optional("[RUN]", "the latest run under --out")] = None
    """A run folder."""
    weights: Literal["last", "best"] = "last"
    """The weights of the last epoch, or those of the epoch with the smallest validation loss (best.safetensors)."""
    draws: int = 1000
    """K, the draws of z for each image in log p(x); 0 leaves log p(x) out. Papers take 5000."""
    images: int = 500
    """Test images that log p(x) is measured on, spread evenly over the test set; 0 takes all."""
    annealing: int = 0
    """T, temperatures of annealed importance sampling, for bounds on log p(x) and the rate-distortion curve; 0 leaves
    them out. Papers take 1000 and more."""
    chains: int = 8
    """Chains of the annealing for each image."""
    annealed_images: int = 20
    """Test images that are annealed, spread evenly over the test set, and as many that the model draws."""
    binarise: Literal["auto", "none", "static"] = "auto"
    """Images for log p(x). auto: a Bernoulli sees each pixel drawn once as black or white, others see grey."""
    seed: int = 0
    """Seed of every draw."""
    device: Annotated[str, Option("NAME")] = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or name one, such as cuda:1."""
    data_root: Annotated[Path | None, optional("DIR", "as in the run")] = None
    """Folder that holds MNIST and its siblings, where it has moved since the run."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write every number to this JSON file."""
    out: Annotated[Path, Option("DIR")] = Path("runs")
    """Where run folders lie."""

    def __post_init__(self) -> None:
        check_sizes(draws=self.draws, images=self.images, annealing=self.annealing, least=0)
        check_sizes(chains=self.chains, annealed_images=self.annealed_images)
        check_torch_seed(self.seed)
        if self.draws == 0 and self.images != EvaluateOptions.images:
            raise no_effect("images", "with 0 draws no log p(x) is measured")
        for name in ("chains", "annealed_images"):
            if self.annealing == 0 and getattr(self, name) != getattr(EvaluateOptions, name):
                raise no_effect(name, "with 0 temperatures nothing is annealed")
