"""Wrong losses, gradients and training loops on tensors."""

import functools

from exercises.kit.exercise import Mistake
from exercises.kit.lazy import Lazy

torch, F, steps = Lazy("torch"), Lazy("torch.nn.functional"), Lazy("exercises.22_lowlevel_step.steps")


def _of(function, name, make, explanation):
    """A mistake whose function `make()` builds when it is first called, since that needs torch."""
    made = functools.cache(make)

    def wrong(*arguments):
        return made()(*arguments)

    return Mistake(f"{function}: {name}", {function: wrong}, explanation)


def _loss(name, explanation, **changed):
    return _of("loss", name, lambda: steps.loss_with(**changed), explanation)


def _gradients(name, explanation, **changed):
    return _of("gradients", name, lambda: steps.gradients_with(**changed), explanation)


def _train(name, step, explanation, **changed):
    return _of("train", name, lambda: steps.train_with(lambda *a: getattr(steps, step)(*a), **changed), explanation)


def _decoding(seen):
    """A forward pass whose decoder gets seen(mu, logvar, eps) for z."""
    return lambda *a: steps.forward_with(seen)(*a)


def _off_the_tape(parts):
    return {name: value.detach() for name, value in parts.items()}


LOSS = (
    _loss(
        "mean over pixels",
        '{got} instead of {expected}: reduction="mean", torch\'s default, divides by the pixels as well. The KL is not '
        "divided by them, so with this loss β is as many times larger as an image has pixels.",
        reconstruction=lambda logits, x: F.binary_cross_entropy_with_logits(logits, x),
    ),
    _loss(
        "means over pixels and latents",
        "{got} instead of {expected}: a mean over all entries in both parts. Pixels and latents are summed, and only "
        "images are averaged: nats per image.",
        reconstruction=lambda logits, x: F.binary_cross_entropy_with_logits(logits, x),
        kl=lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).mean() / 2,
    ),
    _loss(
        "mean over latents",
        "The KL is a mean over the latents here; they are summed, since log q(z|x) is the sum over them.",
        kl=lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).mean() / 2,
    ),
    _loss(
        "sums over the batch",
        "{got} instead of {expected}: the sum over the images. Nats per image are that divided by N, or gradients "
        "would grow with the batch.",
        reconstruction=lambda logits, x: steps.nats(logits, x),
        kl=lambda mu, logvar: steps.vae.kl_divergence(mu, logvar),
    ),
    _loss(
        "the sigmoid taken twice",
        "The cross-entropy is made for logits and got probabilities: no error is raised, another loss is trained.",
        reconstruction=lambda logits, x: steps.nats(torch.sigmoid(logits), x) / len(x),
    ),
    _loss(
        "KL subtracted",
        "The loss is the negative bound: reconstruction + β KL.",
        total=lambda reconstruction, kl, beta: reconstruction - beta * kl,
    ),
    _loss(
        "β on both parts",
        "{got} instead of {expected}: β multiplies the KL alone.",
        total=lambda reconstruction, kl, beta: beta * (reconstruction + kl),
    ),
    _loss(
        "β not used",
        "{got} instead of {expected}, which is the loss for β = 1.",
        total=lambda reconstruction, kl, beta: reconstruction + kl,
    ),
    _loss(
        "KL without the factor ½",
        "Twice the KL: -½ Σ (1 + logvar - mu² - exp(logvar)).",
        kl=lambda mu, logvar: 2 * steps.vae.kl_divergence(mu, logvar) / len(mu),
    ),
    _loss(
        "off the tape",
        "The numbers are right, but their gradients are 0: `.item()`, `.detach()`, `torch.no_grad()` or a new tensor "
        "made of the numbers takes the loss off the tape, and nothing could be learned from it.",
        shown=_off_the_tape,
    ),
)

GRADIENTS = (
    _gradients(
        "the loss is not on the tape",
        "torch has no tape to go back on: it ends where a tensor was detached, read with .item(), made anew from "
        "numbers, or computed under no_grad.",
        total=lambda loss, parameters: loss["loss"].detach(),
    ),
    _gradients(
        "gradients for other tensors than those of the forward pass",
        "The loss was computed from `parameters`, and the gradient was wanted for copies of them, which the tape does "
        "not hold.",
        after=lambda value, parameters: steps.of_copies(value, parameters),
    ),
    _gradients(
        "no gradient through z",
        "The encoder has the gradient of the KL alone: the tape ends at z, as with a `.detach()` there.",
        forward=lambda *a: steps.forward_with(
            lambda mu, logvar, eps: steps.vae.reparameterize(mu, logvar, eps).detach()
        )(*a),
    ),
    _gradients(
        "no gradient through σ",
        "z = mu + σ eps, where the gradient goes through mu and through σ = exp(logvar / 2). It stops at σ here.",
        forward=_decoding(lambda mu, logvar, eps: mu + (logvar / 2).exp().detach() * eps),
    ),
    _gradients(
        "z is the mean",
        "The noise eps does not reach the decoder: z = mu + σ eps.",
        forward=_decoding(lambda mu, logvar, eps: mu),
    ),
    _gradients(
        "of the reconstruction alone",
        "The KL's share is missing: {got} instead of {expected}.",
        total=lambda loss, parameters: loss["reconstruction"],
    ),
    _gradients(
        "β not used",
        "These are the gradients for β = 1.",
        beta=lambda beta: 1.0,
    ),
    _gradients(
        "twice the gradient",
        "{got} instead of {expected}: twice, as where two backward passes, or .grad and what was there before, add up.",
        after=lambda value, parameters: steps.twice(value, parameters),
    ),
    _gradients(
        "clipped at a length of 1",
        "All of them together have length 1: they were clipped, which belongs to the optimiser's step if anywhere.",
        after=lambda value, parameters: steps.clipped(value, parameters),
    ),
)


TRAIN = (
    _train(
        "gradients add up over the batches",
        "never_zero",
        "The first step is right, the later ones are not: `backward()` adds to .grad, and nothing sets it back to "
        "zero. `torch.autograd.grad` gives gradients as values and needs no zero_grad.",
    ),
    _train(
        "the tape used twice",
        "part_by_part",
        "The first backward pass freed what the tape held. One pass over the sum of both parts is enough.",
    ),
    _train(
        "the update on the tape",
        "recorded",
        "A parameter that requires a gradient was changed in place: the update would be recorded, too. Under "
        "`torch.no_grad()` it is not.",
    ),
    _train(
        "the new parameters hang on the tape",
        "attached",
        "Parameters were replaced by results of recorded operations: the tape of each step then holds all before it. "
        "`.detach().requires_grad_()`, or a change in place under no_grad, makes leaves.",
        start=lambda parameters, rate: steps.AdamByHand(parameters, rate),
    ),
    _train(
        "the losses hang on the tape",
        "usual",
        "A list of losses as tensors keeps every step's whole tape in memory. `.item()` gives the number.",
        said=lambda parts, x: parts["loss"],
    ),
    _train(
        "the parameters stay as they were",
        "zeroed_between",
        "The losses are those of the first parameters: no step was taken, as where .grad is set to zero between "
        "backward and step, where step is not called, or where `p = p - ...` gives a new tensor the old name.",
    ),
    _train(
        "each step with the gradients of the batch before",
        "stepping_first",
        "The first step changes nothing, and the others come one batch late: step() before backward().",
    ),
    _train(
        "a new optimiser for every batch",
        "afresh",
        "The first step is right. Adam remembers: m, v and t go on over all batches, so it is made once.",
    ),
    _train(
        "plain gradient descent",
        "usual",
        "Each parameter moved by learning rate times gradient; Adam divides by the root of v.",
        start=lambda parameters, rate: torch.optim.SGD(parameters.values(), lr=rate),
    ),
    _train(
        "weight decay",
        "usual",
        "AdamW shrinks the parameters at each step by 0.01 of the learning rate; Adam does not.",
        start=lambda parameters, rate: torch.optim.AdamW(parameters.values(), lr=rate),
    ),
    _train(
        "learning rate 0.001 whatever is asked for",
        "usual",
        "torch.optim.Adam has a learning rate of 0.001 by default: `lr=learning_rate` was not passed.",
        start=lambda parameters, rate: torch.optim.Adam(parameters.values()),
    ),
    _train(
        "the first batch's noise for all",
        "usual",
        "The first step is right. Each batch has noise of its own: eps[step].",
        noise=lambda eps, step: eps[0],
    ),
    _train(
        "no noise",
        "usual",
        "z is mu in every step: eps was not used.",
        noise=lambda eps, step: 0 * eps[step],
    ),
    _train(
        "β not used",
        "usual",
        "These steps are those for β = 1.",
        beta=lambda beta: 1.0,
    ),
    _train(
        "losses of whole batches",
        "usual",
        "{got} instead of {expected}: the losses of all images of a batch together; they are wanted per image.",
        said=lambda parts, x: steps.train_one_loss(parts, x),
    ),
    _train(
        "the last loss alone",
        "usual",
        "One loss for each batch is asked for, in a list.",
        result=lambda losses, parameters: {"losses": losses[-1:], "parameters": parameters},
    ),
)

MISTAKES = LOSS + GRADIENTS + TRAIN
