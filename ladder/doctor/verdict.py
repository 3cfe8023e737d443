"""What the measurements mean: faults, remarks, what is right, and what cannot be told, each with its numbers."""

import math
from typing import Literal, NamedTuple

from exercises.kit.text import number
from ladder.doctor.fits import (
    GAUSSIAN,
    Likelihood,
    Reading,
    is_half_of_bernoulli,
    kl_terms,
    quadratic,
    read_kl,
    read_likelihood,
    read_sampler,
)
from ladder.doctor.measured import BATCHES, NEAR_PRIOR, WEIGHTS, Loss, Measured
from ladder.doctor.numbers import near, power_of_size, reduction

Kind = Literal["fault", "remark", "right", "unknown"]
MODERATE = 8.0
"""A β, or its inverse, up to which a stated weight is taken for what its author wants."""


class Finding(NamedTuple):
    """One sentence of the doctor."""

    kind: Kind
    code: str
    """Its name, for programs and the documentation"""
    text: str


class Terms(NamedTuple):
    """The two terms of a loss as formulas."""

    likelihood: Likelihood | None
    weight: float
    """Of the reconstruction, for one image: 1 for nats (and for ½ (x − d)²), at the first of BATCHES"""
    kl: tuple[float, ...]
    """k in k · ½ μ² for one entry, for each of BATCHES"""
    is_quadratic: bool
    reading: Reading | None
    """How the KL reads the second output"""
    sign: float
    """-1 for a quantity that is to grow, such as an ELBO"""

    @property
    def beta(self) -> float:
        """The weight of the KL in units of the reconstruction."""
        return self.kl[0] / self.weight if self.weight else math.nan


def findings(measured: Measured) -> list[Finding]:
    """All that is found, faults first."""
    found = [*_noise(measured), *_heads(measured)]
    if measured.loss is None:
        found.append(Finding("unknown", "loss", _no_loss(measured)))
    else:
        if not measured.repeatable:
            text = "the loss: at the same point it is another number each time, so what is said of it may be chance"
            found.append(Finding("unknown", "loss", text))
        terms = read_terms(measured.loss)
        found += _reconstruction(measured, terms) + _kl(measured, terms) + _gradients(measured)
        found += _validation(measured, terms)
    found += [Finding("unknown", "probe", f"could not be measured: {problem}") for problem in measured.problems]
    order = ("fault", "remark", "unknown", "right")
    return sorted(found, key=lambda finding: order.index(finding.kind))


def _no_loss(measured: Measured) -> str:
    reason = measured.found.why_no_loss
    return f"the loss: {reason}; give --loss, a name or an expression in x, recon, mu, logvar, z and model"


def read_terms(loss: Loss) -> Terms:
    """The terms of a loss by its curves."""
    likelihood = read_likelihood(loss.black[0], loss.white[0])
    weight = likelihood.weight if likelihood is not None else math.nan
    if likelihood is not None and likelihood.name in GAUSSIAN:
        weight *= 2  # of ½ (x − d)²
    sign = -1.0 if weight < 0 else 1.0
    fits = [quadratic(differences) for differences in loss.means]
    reading = read_kl(loss.spreads)
    quadratics = all(error < 1e-2 for _, error in fits)
    return Terms(likelihood, sign * weight, tuple(sign * k for k, _ in fits), quadratics, reading, sign)


# The noise and z


def _noise(measured: Measured) -> list[Finding]:
    sampler, noise, found = measured.training, measured.noise, list[Finding]()
    if noise.name == "another library":
        return [Finding("unknown", "noise", "the noise: z changes from call to call, but torch draws none of it")]
    if not sampler.is_reached:
        return [Finding("unknown", "noise", "the noise: in training the decoder was not called with z")]
    if not sampler.draws and not _uses_spread(measured):
        text = "the noise: none is drawn, and the loss uses no spread; is this a plain autoencoder?"
        return [Finding("unknown", "noise", text)]
    if not sampler.draws:
        return [Finding("fault", "noise-never", "z = mu in training: no noise is drawn, so this is no VAE")]
    if noise.is_uniform:
        text = f"the noise is uniform on [0, 1] ({noise.name}); q(z|x) is normal with torch.randn_like"
        return [Finding("fault", "noise-uniform", text)]
    if noise.repeats:
        text = "the noise is the same at every call: a seed is set inside of the model"
        found.append(Finding("fault", "noise-repeats", text))
    if math.prod(noise.shape) < BATCHES[0] * math.prod(measured.found.latent_shape):
        shape = [BATCHES[0], *measured.found.latent_shape]
        text = f"one draw of shape {noise.shape} is shared by latents of shape {shape}"
        found.append(Finding("fault", "noise-shared", text))
    if sampler.offset > 1e-4:
        found.append(Finding("fault", "offset", f"z at noise 0 is off mu by {number(sampler.offset)}"))
    found += _spread(measured)
    if not measured.evaluation.is_reached:
        where = "validation" if measured.has_validation else "evaluation mode"
        found.append(Finding("unknown", "noise", f"the noise in {where}: the decoder was not called with z"))
    elif not measured.evaluation.draws and not measured.has_validation:
        text = "after model.eval() z = mu: a loss measured there is no ELBO, and lower than one of the training kind"
        found.append(Finding("remark", "evaluation-mean", text))
    elif measured.evaluation.draws:
        text = "noise is drawn after model.eval(), too: right for an ELBO; reconstructions to look at use z = mu"
        found.append(Finding("right", "evaluation-noise", text))
    return found


def _uses_spread(measured: Measured) -> bool:
    return measured.loss is not None and any(abs(v) > 1e-9 for v in measured.loss.spreads if math.isfinite(v))


def _spread(measured: Measured) -> list[Finding]:
    """How the sampler makes σ of the encoder's second output, against how the KL does."""
    spread = measured.training.spread
    finite = [value for value in spread if math.isfinite(value)]
    if finite and max(finite) - min(finite) < 1e-9 and not _uses_spread(measured):
        return [Finding("unknown", "spread", "σ: neither z nor the loss moves with what was taken for the spread")]
    if finite and max(finite) - min(finite) < 1e-9:
        text = f"z = mu + {number(finite[0])} · noise: the encoder's spread is not used in z"
        return [Finding("fault", "spread-unused", text)]
    sampler, kl = read_sampler(spread), read_kl(measured.loss.spreads) if measured.loss is not None else None
    if sampler is None:
        return [Finding("unknown", "spread", "σ in z: follows no reading of the encoder's second output that is known")]
    if not near(sampler.factor, 1):
        text = f"the noise is multiplied by {number(sampler.factor)}: then z has another σ than the KL measures"
        return [Finding("fault", "noise-scale", text)]
    if kl is not None and kl.name != sampler.name:
        text = f"z takes the encoder's second output for {sampler.name}, and the KL takes it for {kl.name}"
        return [Finding("fault", "sigma-or-variance", text)]
    text = f"z = mu + σ · noise, with {sampler.name} from the encoder"
    if kl is not None:
        text = f"z = mu + σ · noise, with {sampler.name} from the encoder, in z and in the KL"
    return [Finding("right", "spread", text)]


def _heads(measured: Measured) -> list[Finding]:
    if measured.same_head:
        text = "mu and the spread are the same numbers: one head is used for both"
        return [Finding("fault", "same-head", text)]
    found = []
    sampler = read_sampler(measured.training.spread)
    is_log = sampler is not None and sampler.name.startswith("log")
    for name, values, counts in (("mu", measured.mean_range, True), ("the log of σ", measured.spread_range, is_log)):
        if counts and values.least >= 0 and values.zeros > 0.05:
            text = f"{name} is never below 0 ({number(100 * values.zeros)} % are 0): is there a ReLU behind the head?"
            found.append(Finding("fault", "head-relu", text))
    return found


# The reconstruction


def _reconstruction(measured: Measured, terms: Terms) -> list[Finding]:
    likelihood, found = terms.likelihood, list[Finding]()
    if likelihood is None:
        text = "the reconstruction term is none of those that are known (Bernoulli, squared or absolute error)"
        assert measured.loss is not None
        black, white = measured.loss.black[0], measured.loss.white[0]
        if not any(black) and not any(white):
            return [Finding("fault", "reconstruction-never", "the loss does not depend on the decoder's output")]
        if is_half_of_bernoulli(black, white):
            text = "the reconstruction counts black pixels alone: x · ln p is missing"
            if any(white):
                text = "the reconstruction counts white pixels alone: (1 − x) · ln(1 − p) is missing"
            return [Finding("fault", "reconstruction-half", text)]
        return [Finding("unknown", "reconstruction", f"{text}, so β is not known either")]
    pixels = math.prod(measured.found.image_shape)
    found += _outputs(measured, likelihood)
    least, most = sorted(likelihood.targets)
    if "Bernoulli" in likelihood.name and (least < -1e-3 or most > 1 + 1e-3):
        text = f"images in [0, 1] become targets in [{number(least)}, {number(most)}], outside of a Bernoulli's [0, 1]"
        found.append(Finding("fault", "targets", text))
    elif "Bernoulli" in likelihood.name and measured.data_range and min(measured.data_range) < -1e-3:
        low, high = measured.data_range
        text = f"the file's transform maps pixels to [{number(low)}, {number(high)}], outside of a Bernoulli's [0, 1]"
        found.append(Finding("fault", "targets", text))
    words = reduction([terms.weight, _second_weight(measured, likelihood)], pixels, "pixels")
    name = "½ squared error" if likelihood.name in GAUSSIAN else likelihood.name
    found.append(
        Finding("right", "reconstruction", f"reconstruction: {name}, {words} ({number(terms.weight)} a pixel)")
    )
    if likelihood.name in GAUSSIAN and terms.kl[0] > 0:
        variance = terms.kl[0] / terms.weight
        text = f"with β = 1 the squared error means a variance of pixels σ² = {number(variance)}"
        found.append(Finding("right", "variance", text))
    return found


def _second_weight(measured: Measured, likelihood: Likelihood) -> float:
    """The weight at the second of BATCHES."""
    assert measured.loss is not None
    again = read_likelihood(measured.loss.black[1], measured.loss.white[1])
    factor = 2 if likelihood.name in GAUSSIAN else 1
    return abs(factor * again.weight) if again is not None else math.nan


def _outputs(measured: Measured, likelihood: Likelihood) -> list[Finding]:
    """Whether the decoder's outputs are what the likelihood takes them for."""
    reach = measured.output_range
    if likelihood.name == "Bernoulli after two sigmoids":
        return [
            Finding("fault", "double-sigmoid", "the decoder's output goes through two sigmoids before it is compared")
        ]
    if reach is None:
        return []
    seen = f"[{number(reach.least)}, {number(reach.most)}]"
    is_probability = reach.least >= 0 and reach.most <= 1 and reach.most - reach.least > 0.9
    on_logits = likelihood.name.endswith(("on logits", "after a sigmoid"))
    if on_logits and is_probability:
        text = f"the decoder ends in a sigmoid (outputs in {seen}), and the loss applies another one to it"
        return [Finding("fault", "double-sigmoid", text)]
    if likelihood.name.endswith("on probabilities") and (reach.least < -1e-6 or reach.most > 1 + 1e-6):
        text = f"the loss takes the decoder's outputs for probabilities, and they reach {seen}: a sigmoid is missing"
        return [Finding("fault", "missing-sigmoid", text)]
    return []


# The KL


def _kl(measured: Measured, terms: Terms) -> list[Finding]:
    loss = measured.loss
    assert loss is not None
    largest = max((abs(value) for value in loss.spreads if math.isfinite(value)), default=0.0)
    if abs(terms.kl[0]) < 1e-12 and largest < 1e-9:
        if measured.schedules:
            text = f"the KL's weight is 0 at first and grows with {', '.join(measured.schedules)}: warm-up"
            return [Finding("remark", "schedule", text)]
        if not measured.training.draws:
            return [Finding("unknown", "kl", "the KL: the loss has none")]
        return [Finding("fault", "kl-never", "the loss changes neither with mu nor with the spread: it has no KL")]
    if not terms.is_quadratic:
        text = "the KL is not quadratic in mu: free bits, a capacity, or another prior than Normal(0, 1)"
        return [Finding("unknown", "kl", text)]
    formula = _formula(measured, terms)
    if formula:
        return formula
    found = [Finding("remark", "schedule", f"the KL's weight changes with {name}") for name in measured.schedules[:1]]
    is_log = terms.reading is not None and terms.reading.name.startswith("log")
    wanted = terms.kl[0] * NEAR_PRIOR**2 / 2
    if is_log and math.isfinite(loss.near_prior) and not near(terms.sign * loss.near_prior, wanted, 1e-2):
        share = number(terms.sign * loss.near_prior / wanted)
        text = f"near the prior the KL has {share} of its weight elsewhere, as with free bits"
        found.append(Finding("remark", "free-bits", text))
    return found + _beta(measured, terms)


def _formula(measured: Measured, terms: Terms) -> list[Finding]:
    """Faults of the KL's own formula."""
    assert measured.loss is not None
    k, reading = terms.kl[0], terms.reading
    if reading is None or not near(terms.sign * reading.factor, k):
        return _wrong_terms(measured, terms)
    if k < 0:
        text = f"the KL has the wrong sign: the loss falls as q moves away from the prior (weight {number(k)})"
        return [Finding("fault", "kl-sign", text)]
    if not near(measured.loss.last_mean, measured.loss.means[0][-1]):
        ratio = number(measured.loss.last_mean / measured.loss.means[0][-1])
        text = f"the KL counts the last latent of the last image {ratio} times as much as the first of the first"
        return [Finding("fault", "kl-uneven", text)]
    return []


def _wrong_terms(measured: Measured, terms: Terms) -> list[Finding]:
    assert measured.loss is not None
    sampler = read_sampler(measured.training.spread)
    parts = kl_terms(measured.loss.spreads, sampler.name) if sampler is not None else None
    if sampler is None or parts is None:
        finite = [value for value in measured.loss.spreads if math.isfinite(value)]
        if _is_unused(measured) and not _uses_spread(measured):
            return [Finding("unknown", "kl", "the KL: the encoder's spread was not found")]
        if finite and max(map(abs, finite)) < 1e-9:
            text = "the loss does not change with the spread: σ² and ln σ are missing from the KL"
            return [Finding("fault", "kl-terms", text)]
        return [Finding("unknown", "kl", "the KL along the spread follows no formula that is known")]
    scale = max(map(abs, (terms.kl[0], *parts))) * terms.sign
    mu, square, log = (number(value / scale) for value in (terms.sign * terms.kl[0], *parts))
    text = f"the KL is ½ (a μ² + b σ² − c ln σ² − 1) with a : b : c = {mu} : {square} : {log}, and all should be equal"
    return [Finding("fault", "kl-terms", text)]


def stated(measured: Measured) -> tuple[float, str]:
    """The weight of the KL that the file's own numbers state, and their names; 1 where there are none."""
    names = [w for w in measured.weights if any(word in w.name.lower() for word in WEIGHTS)]
    value = math.prod(weight.value**weight.power for weight in names)
    return value, ", ".join(f"{weight.name} = {number(weight.value)}" for weight in names)


def _beta(measured: Measured, terms: Terms) -> list[Finding]:
    """β, and what reductions make of it."""
    latents, pixels = math.prod(measured.found.latent_shape), math.prod(measured.found.image_shape)
    words = reduction([*terms.kl], latents, "latents")
    found = [Finding("right", "kl", f"KL: {words} ({number(terms.kl[0])} a latent)")]
    if terms.likelihood is None or measured.loss is None:
        return found
    second = _second_weight(measured, terms.likelihood)
    betas = terms.kl[0] / terms.weight, terms.kl[1] / second
    if not near(betas[0], betas[1]):
        return [*found, _batch(betas)]
    return [*found, *_ratio(measured, betas[0], latents, pixels, terms.likelihood.name in GAUSSIAN)]


def _batch(betas: tuple[float, float]) -> Finding:
    right = BATCHES[0] / betas[0] if betas[1] > betas[0] else BATCHES[0] * betas[0]
    text = (
        f"β depends on the batch: {number(betas[0])} at {BATCHES[0]} images, {number(betas[1])} at {BATCHES[1]}; "
        f"it would be 1 at {number(right)}: the two terms are not reduced alike"
    )
    return Finding("fault", "kl-batch", text)


def _ratio(measured: Measured, beta: float, latents: int, pixels: int, is_gaussian: bool) -> list[Finding]:
    """What β is made of: what the file states, and the rest."""
    value, names = stated(measured)
    if value <= 0 or not math.isfinite(value):
        value, names = 1.0, ""
    rest = beta / value
    fine = (1.0, 0.5) if is_gaussian else (1.0,)
    start = f"at variance 1, β = {number(beta)}" if is_gaussian else f"β = {number(beta)}"
    if measured.assumed:
        name = measured.assumed[0]
        text = f"{start} · {name}, which training passes: 1 at {name} = {number(1 / beta)}"
        return [Finding("remark", "weight-argument", text)]
    for constant in [1.0, *measured.constants] if near(value, 1) else [1.0]:
        if any(near(rest, constant * good) for good in fine):
            text = start
            if names and not near(value, 1):
                text = f"{start}, as {names} says"
            elif constant != 1:
                text = f"{start}, as the file says"
            return [Finding("right", "beta", text)]
    explained = power_of_size(rest, [weight.value for weight in measured.weights], latents, pixels)
    sizes = _sizes(pixels, latents)
    in_text = any(near(rest / constant, size) for constant in measured.constants for size in sizes)
    has_weight = in_text or (names and not near(value, 1))
    if has_weight and 1 / MODERATE <= beta <= MODERATE:
        text = f"{start}: {names or 'a number of the file'} makes up for {explained or 'reductions'}"
        return [Finding("remark", "weight", text)]
    if near(rest, 2):
        text = f"β = {number(beta)}: the KL is doubled, and no number of the file says so; is its ½ missing?"
        return [Finding("fault", "kl-half", text)]
    if near(rest, 0.5):
        text = f"β = {number(beta)}: the KL is halved, and no number of the file says so"
        return [Finding("fault", "kl-half", text)]
    if explained.startswith("1 /"):
        text = f"β = {number(beta)}: the KL is divided by the number of images in the data"
        return [Finding("fault", "kl-dataset", text)]
    if is_gaussian and not explained and beta <= 1:
        return [Finding("right", "beta", f"β = 1 where the variance of pixels is σ² = {number(beta)}")]
    if explained:
        return [Finding("fault", "reductions", f"{start}: {explained}")]
    return [Finding("unknown", "reductions", f"{start}, and no number of the file explains it")]


def _sizes(pixels: int, latents: int) -> list[float]:
    return [size * half for size in (pixels, pixels / latents, 1 / latents) for half in (1.0, 0.5)]


# Gradients, validation


def _gradients(measured: Measured) -> list[Finding]:
    gradients, found = measured.gradients, list[Finding]()
    has_kl = measured.loss is not None and any(abs(value) > 1e-9 for value in measured.loss.means[0])
    has_spread = _uses_spread(measured)
    if not gradients.z_to_mean:
        text = "no gradient goes from z to mu: z is detached (.detach(), .data, no_grad, or sample() for rsample())"
        found.append(Finding("fault", "z-detached", text))
    elif not gradients.z_to_spread and measured.training.depends_on_noise and not _is_unused(measured):
        text = "no gradient goes from z to the spread: its σ is detached"
        found.append(Finding("fault", "spread-detached", text))
    if has_kl and not gradients.kl_to_mean:
        text = "the KL counts in the loss, but no gradient of it reaches mu (.item(), .detach() or no_grad)"
        found.append(Finding("fault", "kl-detached", text))
    elif has_kl and has_spread and not gradients.kl_to_spread:
        found.append(Finding("fault", "kl-detached", "no gradient of the KL reaches the spread"))
    moves = measured.loss is not None and any((*measured.loss.black[0], *measured.loss.white[0]))
    if (moves and not gradients.reconstruction) or not gradients.decoder:
        found.append(
            Finding("fault", "reconstruction-detached", "no gradient of the reconstruction reaches the decoder")
        )
    for name, has in (("mu", gradients.mean_head), ("the spread", gradients.spread_head)):
        if not has:
            text = f"{name} comes out of the encoder without a gradient: no parameter learns it"
            found.append(Finding("fault", "head-constant", text))
    if gradients.unregistered:
        text = (
            f"{gradients.unregistered} parameters are not in model.parameters(), and an optimizer would not train them"
        )
        found.append(Finding("fault", "unregistered", text))
    if not found:
        found.append(Finding("right", "gradients", "gradients reach mu, the spread and the decoder"))
    return found


def _is_unused(measured: Measured) -> bool:
    spread = [value for value in measured.training.spread if math.isfinite(value)]
    return bool(spread) and max(spread) - min(spread) < 1e-9


def _validation(measured: Measured, terms: Terms) -> list[Finding]:
    """Training against evaluation mode, or against the loss of validation."""
    where = "validation" if measured.has_validation else "evaluation mode"
    found = []
    if (
        measured.has_validation
        and measured.training.draws
        and measured.evaluation.is_reached
        and not measured.evaluation.draws
    ):
        text = "the loss of validation is measured at z = mu, that of training at a drawn z: they cannot be compared"
        found.append(Finding("fault", "validation-mean", text))
    other = measured.evaluation_loss
    if other is None or not math.isfinite(other.value):
        found.append(Finding("unknown", "validation", f"the loss in {where}"))
        return found
    later = read_terms(other)
    here, there = terms.beta, later.beta
    if terms.likelihood and later.likelihood and terms.likelihood.name != later.likelihood.name:
        text = f"another likelihood in {where}: {later.likelihood.name} there, {terms.likelihood.name} in training"
        found.append(Finding("fault", "validation-likelihood", text))
    elif math.isfinite(here) and math.isfinite(there) and abs(here) > 1e-12 and not near(here, there):
        text = f"another KL weight in {where}: β = {number(there)} there, {number(here)} in training"
        found.append(Finding("fault", "validation-weight", text))
    elif terms.likelihood and not later.likelihood:
        text = f"the loss in {where}: its reconstruction term is none of those that are known"
        found.append(Finding("unknown", "validation", text))
    return found
