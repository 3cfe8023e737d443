"""Models for the doctor as edits of a right one of doctor_models/right: most have one mistake, some are right as well.

A model with layers of its own, or with a mistake in many places, is a file of doctor_models.
"""

from pathlib import Path
from typing import NamedTuple

RIGHT = Path(__file__).parent / "doctor_models" / "right"

IMPORT = "from torch import nn"
HEADS = "return self.mu(h), self.logvar(h)"
STD = "std = torch.exp(0.5 * logvar)"
SAMPLE = "return mu + torch.randn_like(std) * std"
SAMPLER = f"{STD}\n        {SAMPLE}"
OUTPUT = "return torch.sigmoid(self.out(F.relu(self.back(z))))"
RECONSTRUCTION = 'rec = F.binary_cross_entropy(recon_x, x, reduction="sum")'
KL = "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
TERMS = f"{RECONSTRUCTION}\n    {KL}"
TOTAL = "return rec + kl"
"""Lines of basic.py."""
VALIDATION = 'return {"val_rec": rec.mean(), "val_kl": kl.mean(), "val_loss": (rec + kl).mean()}'
"""A line of validation_dict.py."""


class Variant(NamedTuple):
    """A model as edits of another."""

    name: str
    fault: str
    """The code of the doctor's finding; empty where the model is right"""
    what: str
    """A sentence"""
    edits: dict[str, str]
    """New text by the old, which occurs once in the base"""
    base: str = "basic"

    def text(self) -> str:
        """The model; one with a mistake says its fault in its docstring."""
        docstring, code = (RIGHT / f"{self.base}.py").read_text(encoding="utf-8").split("\n", 1)
        assert docstring.startswith('"""')
        for old, new in self.edits.items():
            assert code.count(old) == 1, (self.name, old)
            code = code.replace(old, new)
        said = f"Fault: {self.fault}. {self.what}" if self.fault else self.what
        return f'"""{said}"""\n{code}'

    def write(self, folder: Path) -> Path:
        """The model as a file of a folder."""
        file = folder / f"{self.name}.py"
        file.write_text(self.text(), encoding="utf-8")
        return file


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(
            "bce_one_term",
            "reconstruction-half",
            "The cross-entropy is that of classes: black pixels count nothing.",
            {RECONSTRUCTION: "rec = -torch.sum(x * torch.log(recon_x))"},
        ),
        Variant(
            "double_sigmoid",
            "double-sigmoid",
            "The decoder ends in a sigmoid, and the loss is BCE with logits.",
            {RECONSTRUCTION: 'rec = F.binary_cross_entropy_with_logits(recon_x, x, reduction="sum")'},
        ),
        Variant(
            "exp_logvar_as_std",
            "sigma-or-variance",
            "The sampler takes exp(logvar), the variance, for the standard deviation.",
            {STD: "std = torch.exp(logvar)"},
        ),
        Variant(
            "kl_computed_not_added",
            "kl-never",
            "The KL is computed, and the loss is returned without it.",
            {TOTAL: "del kl\n    return rec"},
        ),
        Variant(
            "kl_item",
            "kl-detached",
            "The KL goes into the loss as a plain number.",
            {TOTAL: "return rec + kl.item()"},
        ),
        Variant(
            "kl_mu_sign",
            "kl-terms",
            "mu squared has the wrong sign inside of the KL.",
            {KL: "kl = -0.5 * torch.sum(1 + logvar + mu.pow(2) - logvar.exp())"},
        ),
        Variant(
            "kl_of_log_sigma",
            "sigma-or-variance",
            "The sampler has log-variances, the KL takes them for log standard deviations.",
            {KL: "kl = -0.5 * torch.sum(1 + 2 * logvar - mu.pow(2) - (2 * logvar).exp())"},
        ),
        Variant(
            "kl_sign",
            "kl-sign",
            "The minus in front of the KL is lost.",
            {KL: "kl = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"},
        ),
        Variant(
            "kl_sum_over_batch",
            "kl-batch",
            "The reconstruction is a mean over the batch, the KL a sum over it.",
            {RECONSTRUCTION: 'rec = F.binary_cross_entropy(recon_x, x, reduction="none").sum(1).mean()'},
        ),
        Variant(
            "kl_without_exp",
            "kl-terms",
            "The variance is not in the KL: its last term is the log-variance again.",
            {KL: "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2)) + 0.0 * logvar.exp().sum()"},
        ),
        Variant(
            "kl_without_half",
            "kl-half",
            "The KL without its one half.",
            {KL: "kl = -torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"},
        ),
        Variant(
            "kl_without_last_latent",
            "kl-uneven",
            "A slice leaves the last latent out of the KL.",
            {KL: "kl = -0.5 * torch.sum((1 + logvar - mu.pow(2) - logvar.exp())[:, :-1])"},
        ),
        Variant(
            "logvar_as_std",
            "sigma-or-variance",
            "The sampler multiplies the noise by the log-variance itself.",
            {STD: "std = logvar"},
        ),
        Variant(
            "logvar_detached",
            "head-constant",
            "The encoder returns logvar without its gradient.",
            {HEADS: "return self.mu(h), self.logvar(h).detach()"},
        ),
        Variant(
            "mean_bce_mean_kl",
            "reductions",
            "Both terms as means: over 784 pixels, and over 6 latents.",
            {
                TERMS: (
                    "rec = F.binary_cross_entropy(recon_x, x)\n"
                    "    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())"
                )
            },
        ),
        Variant(
            "mean_bce_sum_kl",
            "reductions",
            "BCE as a mean over pixels and batch, KL as a sum over latents.",
            {
                TERMS: (
                    "rec = F.binary_cross_entropy(recon_x, x)\n"
                    "    kl = -0.5 * torch.mean(torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1))"
                )
            },
        ),
        Variant(
            "mean_mse_sum_kl",
            "reductions",
            "MSELoss with its default mean beside a KL that is summed over latents.",
            {
                TERMS: (
                    "rec = nn.MSELoss()(recon_x, x)\n"
                    "    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()"
                )
            },
        ),
        Variant(
            "noise_never",
            "noise-never",
            "The sampler returns mu where it should add noise.",
            {SAMPLER: "return mu"},
        ),
        Variant(
            "noise_off_zero",
            "offset",
            "The noise has mean 1, where the prior's has mean 0.",
            {SAMPLE: "return mu + torch.normal(1.0, 1.0, std.shape) * std"},
        ),
        Variant(
            "noise_seeded",
            "noise-repeats",
            "A seed is set inside of the sampler.",
            {STD: "torch.manual_seed(42)\n        std = torch.exp(0.5 * logvar)"},
        ),
        Variant(
            "noise_shared",
            "noise-shared",
            "One draw for all images of a batch.",
            {SAMPLE: "return mu + torch.randn(mu.shape[1]) * std"},
        ),
        Variant(
            "noise_uniform",
            "noise-uniform",
            "rand_like for randn_like.",
            {SAMPLE: "return mu + torch.rand_like(std) * std"},
        ),
        Variant(
            "one_head",
            "same-head",
            "mu and the log-variance come from the same layer.",
            {HEADS: "return self.mu(h), self.mu(h)"},
        ),
        Variant(
            "reconstruction_of_images",
            "reconstruction-never",
            "The images are compared with themselves.",
            {RECONSTRUCTION: 'rec = F.binary_cross_entropy(x, x, reduction="sum")'},
        ),
        Variant(
            "reconstruction_of_mu_detached",
            "reconstruction-detached",
            "The reconstruction goes into the loss without its gradient.",
            {RECONSTRUCTION: 'rec = F.binary_cross_entropy(recon_x.detach(), x, reduction="sum")'},
        ),
        Variant(
            "relu_head",
            "head-relu",
            "A ReLU behind the head of the log-variance.",
            {HEADS: "return self.mu(h), F.relu(self.logvar(h))"},
        ),
        Variant(
            "spread_detached",
            "spread-detached",
            "The standard deviation is detached in z, so that the reconstruction never moves it.",
            {SAMPLE: "return mu + torch.randn_like(std) * std.detach()"},
        ),
        Variant(
            "spread_unused",
            "spread-unused",
            "z is drawn with a standard deviation of 1, whatever the encoder says.",
            {SAMPLE: "return mu + torch.randn_like(std)"},
        ),
        Variant(
            "sum_bce_mean_kl",
            "reductions",
            "The KL as a mean over latents, as in an early version of a Keras example.",
            {
                TERMS: (
                    'rec = F.binary_cross_entropy(recon_x, x, reduction="sum") / len(x)\n'
                    "    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())"
                )
            },
        ),
        Variant(
            "z_detached",
            "z-detached",
            "torch.normal draws z, and no gradient goes through it.",
            {SAMPLE: "return torch.normal(mu, std)"},
        ),
        Variant(
            "kl_by_data",
            "kl-dataset",
            "The KL is divided by the number of training images.",
            {
                IMPORT: f"{IMPORT}\n\nNUM_TRAIN = 60000",
                RECONSTRUCTION: f"{RECONSTRUCTION} / len(x)",
                KL: f"{KL} / len(x) / NUM_TRAIN",
            },
        ),
        Variant(
            "missing_sigmoid",
            "missing-sigmoid",
            "BCE by hand on the decoder's logits.",
            {
                OUTPUT: "return self.out(F.relu(self.back(z)))",
                RECONSTRUCTION: "a, b = recon_x + 1e-8, 1 - recon_x + 1e-8\n"
                "    rec = -(x * torch.log(a) + (1 - x) * torch.log(b)).sum()",
            },
        ),
        Variant(
            "noise_small",
            "noise-scale",
            "epsilon_std = 0.01, as in an early version of a Keras example.",
            {
                IMPORT: f"{IMPORT}\n\nEPSILON_STD = 0.01",
                SAMPLE: "return mu + EPSILON_STD * torch.randn_like(std) * std",
            },
        ),
        Variant(
            "targets_normalised",
            "targets",
            "Images are scaled to [-1, 1] and compared by BCE.",
            {
                OUTPUT: "return self.out(F.relu(self.back(z)))",
                RECONSTRUCTION: 'rec = F.binary_cross_entropy_with_logits(recon_x, (x - 0.5) / 0.5, reduction="sum")',
            },
        ),
        Variant(
            "labels_without_kl",
            "kl-never",
            "A conditional VAE with labels as one-hot vectors, whose loss is the reconstruction alone.",
            {
                "    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n": "",
                "return BCE + KLD": "return BCE",
            },
            base="labels",
        ),
        Variant(
            "validation_weight",
            "validation-weight",
            "The loss of validation has another weight of the KL than that of training.",
            {VALIDATION: "return (rec + 0.1 * kl).mean()"},
            base="validation_dict",
        ),
        Variant(
            "beta_argument",
            "",
            "A beta-VAE with beta = 4 as the default of the loss.",
            {
                "def loss_function(recon_x, x, mu, logvar):": "def loss_function(recon_x, x, mu, logvar, beta=4.0):",
                TOTAL: "return (rec + beta * kl) / x.size(0)",
            },
        ),
        Variant(
            "beta_in_the_text",
            "",
            "A beta-VAE whose weight stands as a number in the loss.",
            {TOTAL: "return rec + 0.5 * kl"},
        ),
        Variant(
            "future_annotations",
            "",
            "Annotations that are evaluated later, as a class's own name within it needs.",
            {
                "import torch\n": "from __future__ import annotations\n\nimport torch\n",
                "def encode(self, x):": "def encode(self: VAE, x: torch.Tensor) -> tuple[torch.Tensor, Later]:",
                "return self.decode(z), mu, logvar\n": "return self.decode(z), mu, logvar\n\n\nLater = torch.Tensor\n",
            },
        ),
        Variant(
            "gaussian_variance",
            "",
            "Squared error with a stated variance of pixels.",
            {
                IMPORT: f"{IMPORT}\n\nSIGMA = 0.3",
                OUTPUT: "return self.out(F.relu(self.back(z)))",
                RECONSTRUCTION: "rec = ((x - recon_x) ** 2).sum() / (2 * SIGMA**2) / len(x)",
                KL: f"{KL} / len(x)",
            },
        ),
        Variant(
            "log_sigma_head",
            "",
            "The head is the log of sigma; the loss is a mean over the batch.",
            {
                STD: "std = torch.exp(logvar)",
                RECONSTRUCTION: f"{RECONSTRUCTION} / x.size(0)",
                KL: "kl = torch.sum(0.5 * (mu**2 + torch.exp(2 * logvar) - 1) - logvar) / x.size(0)",
            },
        ),
        Variant(
            "mean_with_weight",
            "",
            "Both terms as means over all entries, with the weight that makes that one bound.",
            {
                RECONSTRUCTION: "rec = F.binary_cross_entropy(recon_x, x)",
                KL: "kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
                TOTAL: "return rec + kl * logvar.shape[1] / x.shape[1]",
            },
        ),
        Variant(
            "validation_tuple",
            "",
            "The loss of validation is the last of three numbers.",
            {VALIDATION: "return rec.mean(), kl.mean(), (rec + kl).mean()"},
            base="validation_dict",
        ),
    )
}
