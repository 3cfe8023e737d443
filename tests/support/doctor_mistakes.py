"""Wrong models as edits of one right model, each with one mistake: right/basic.py of doctor_models.

A model with layers of its own, or with a mistake in several places, is a file of doctor_models.
"""

from pathlib import Path
from typing import NamedTuple

BASIC = Path(__file__).parent / "doctor_models" / "right" / "basic.py"

HEADS = "return self.mu(h), self.logvar(h)"
STD = "std = torch.exp(0.5 * logvar)"
SAMPLE = "return mu + torch.randn_like(std) * std"
SAMPLER = f"{STD}\n        {SAMPLE}"
RECONSTRUCTION = 'rec = F.binary_cross_entropy(recon_x, x, reduction="sum")'
KL = "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
TERMS = f"{RECONSTRUCTION}\n    {KL}"
TOTAL = "return rec + kl"


class Mistake(NamedTuple):
    """One edit of the right model."""

    name: str
    fault: str
    """The code of the doctor's finding"""
    what: str
    """A sentence"""
    old: str
    """It occurs once in the right model"""
    new: str

    def text(self) -> str:
        """The wrong model, which says its fault in its docstring."""
        docstring, code = BASIC.read_text(encoding="utf-8").split("\n", 1)
        assert docstring.startswith('"""')
        assert code.count(self.old) == 1, self.name
        return f'"""Fault: {self.fault}. {self.what}"""\n{code.replace(self.old, self.new)}'

    def write(self, folder: Path) -> Path:
        """The wrong model as a file of a folder."""
        file = folder / f"{self.name}.py"
        file.write_text(self.text(), encoding="utf-8")
        return file


MISTAKES = {
    mistake.name: mistake
    for mistake in (
        Mistake(
            "bce_one_term",
            "reconstruction-half",
            "The cross-entropy is that of classes: black pixels count nothing.",
            RECONSTRUCTION,
            "rec = -torch.sum(x * torch.log(recon_x))",
        ),
        Mistake(
            "double_sigmoid",
            "double-sigmoid",
            "The decoder ends in a sigmoid, and the loss is BCE with logits.",
            RECONSTRUCTION,
            'rec = F.binary_cross_entropy_with_logits(recon_x, x, reduction="sum")',
        ),
        Mistake(
            "exp_logvar_as_std",
            "sigma-or-variance",
            "The sampler takes exp(logvar), the variance, for the standard deviation.",
            STD,
            "std = torch.exp(logvar)",
        ),
        Mistake(
            "kl_computed_not_added",
            "kl-never",
            "The KL is computed, and the loss is returned without it.",
            TOTAL,
            "del kl\n    return rec",
        ),
        Mistake(
            "kl_item",
            "kl-detached",
            "The KL goes into the loss as a plain number.",
            TOTAL,
            "return rec + kl.item()",
        ),
        Mistake(
            "kl_mu_sign",
            "kl-terms",
            "mu squared has the wrong sign inside of the KL.",
            KL,
            "kl = -0.5 * torch.sum(1 + logvar + mu.pow(2) - logvar.exp())",
        ),
        Mistake(
            "kl_of_log_sigma",
            "sigma-or-variance",
            "The sampler has log-variances, the KL takes them for log standard deviations.",
            KL,
            "kl = -0.5 * torch.sum(1 + 2 * logvar - mu.pow(2) - (2 * logvar).exp())",
        ),
        Mistake(
            "kl_sign",
            "kl-sign",
            "The minus in front of the KL is lost.",
            KL,
            "kl = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())",
        ),
        Mistake(
            "kl_sum_over_batch",
            "kl-batch",
            "The reconstruction is a mean over the batch, the KL a sum over it.",
            RECONSTRUCTION,
            'rec = F.binary_cross_entropy(recon_x, x, reduction="none").sum(1).mean()',
        ),
        Mistake(
            "kl_without_exp",
            "kl-terms",
            "The variance is not in the KL: its last term is the log-variance again.",
            KL,
            "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2)) + 0.0 * logvar.exp().sum()",
        ),
        Mistake(
            "kl_without_half",
            "kl-half",
            "The KL without its one half.",
            KL,
            "kl = -torch.sum(1 + logvar - mu.pow(2) - logvar.exp())",
        ),
        Mistake(
            "kl_without_last_latent",
            "kl-uneven",
            "A slice leaves the last latent out of the KL.",
            KL,
            "kl = -0.5 * torch.sum((1 + logvar - mu.pow(2) - logvar.exp())[:, :-1])",
        ),
        Mistake(
            "logvar_as_std",
            "sigma-or-variance",
            "The sampler multiplies the noise by the log-variance itself.",
            STD,
            "std = logvar",
        ),
        Mistake(
            "logvar_detached",
            "head-constant",
            "The encoder returns logvar without its gradient.",
            HEADS,
            "return self.mu(h), self.logvar(h).detach()",
        ),
        Mistake(
            "mean_bce_mean_kl",
            "reductions",
            "Both terms as means: over 784 pixels, and over 6 latents.",
            TERMS,
            "rec = F.binary_cross_entropy(recon_x, x)\n"
            "    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
        ),
        Mistake(
            "mean_bce_sum_kl",
            "reductions",
            "BCE as a mean over pixels and batch, KL as a sum over latents.",
            TERMS,
            "rec = F.binary_cross_entropy(recon_x, x)\n"
            "    kl = -0.5 * torch.mean(torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1))",
        ),
        Mistake(
            "mean_mse_sum_kl",
            "reductions",
            "MSELoss with its default mean beside a KL that is summed over latents.",
            TERMS,
            "rec = nn.MSELoss()(recon_x, x)\n"
            "    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()",
        ),
        Mistake(
            "noise_never",
            "noise-never",
            "The sampler returns mu where it should add noise.",
            SAMPLER,
            "return mu",
        ),
        Mistake(
            "noise_off_zero",
            "offset",
            "The noise has mean 1, where the prior's has mean 0.",
            SAMPLE,
            "return mu + torch.normal(1.0, 1.0, std.shape) * std",
        ),
        Mistake(
            "noise_seeded",
            "noise-repeats",
            "A seed is set inside of the sampler.",
            STD,
            "torch.manual_seed(42)\n        std = torch.exp(0.5 * logvar)",
        ),
        Mistake(
            "noise_shared",
            "noise-shared",
            "One draw for all images of a batch.",
            SAMPLE,
            "return mu + torch.randn(mu.shape[1]) * std",
        ),
        Mistake(
            "noise_uniform",
            "noise-uniform",
            "rand_like for randn_like.",
            SAMPLE,
            "return mu + torch.rand_like(std) * std",
        ),
        Mistake(
            "one_head",
            "same-head",
            "mu and the log-variance come from the same layer.",
            HEADS,
            "return self.mu(h), self.mu(h)",
        ),
        Mistake(
            "reconstruction_of_images",
            "reconstruction-never",
            "The images are compared with themselves.",
            RECONSTRUCTION,
            'rec = F.binary_cross_entropy(x, x, reduction="sum")',
        ),
        Mistake(
            "reconstruction_of_mu_detached",
            "reconstruction-detached",
            "The reconstruction goes into the loss without its gradient.",
            RECONSTRUCTION,
            'rec = F.binary_cross_entropy(recon_x.detach(), x, reduction="sum")',
        ),
        Mistake(
            "relu_head",
            "head-relu",
            "A ReLU behind the head of the log-variance.",
            HEADS,
            "return self.mu(h), F.relu(self.logvar(h))",
        ),
        Mistake(
            "spread_detached",
            "spread-detached",
            "The standard deviation is detached in z, so that the reconstruction never moves it.",
            SAMPLE,
            "return mu + torch.randn_like(std) * std.detach()",
        ),
        Mistake(
            "spread_unused",
            "spread-unused",
            "z is drawn with a standard deviation of 1, whatever the encoder says.",
            SAMPLE,
            "return mu + torch.randn_like(std)",
        ),
        Mistake(
            "sum_bce_mean_kl",
            "reductions",
            "The KL as a mean over latents, as in an early version of a Keras example.",
            TERMS,
            'rec = F.binary_cross_entropy(recon_x, x, reduction="sum") / len(x)\n'
            "    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
        ),
        Mistake(
            "z_detached",
            "z-detached",
            "torch.normal draws z, and no gradient goes through it.",
            SAMPLE,
            "return torch.normal(mu, std)",
        ),
    )
}
