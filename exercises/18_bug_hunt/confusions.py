"""Wrong labels: for each, the number of the page's table that rules it out."""

from exercises.kit.exercise import Mistake

from .record import ROWS, records
from .solution import DIAGNOSES
from .stub import BUGS

RULED_OUT = {
    "KL enters with the wrong sign": "Then (loss − reconstruction) / KL would be −1; VAE {n} has {train_weight:.2f}.",
    "KL lacks its factor ½": "Then the KL of μ = 1, σ = 2 in 8 latents would be twice 10.45; VAE {n} has "
    "{hand_kl:.2f}.",
    "KL weighed differently in the test loss": "Then (loss − reconstruction) / KL would not be the same in training "
    "and test; VAE {n} has {train_weight:.2f} and {test_weight:.2f}.",
    "decoder ignores z": "Then all latents would decode to one and the same image; before training the pixels of "
    "VAE {n} change with z by up to {change:.3f}.",
    "exp(logvar) used as σ": "Then z would spread by exp(log 4) = 4 where σ = 2; that of VAE {n} spreads by "
    "{spread:.2f}.",
    "learning rate far too large": "Then the loss would leap before it falls; no batch of VAE {n} costs more than "
    "{largest:.3g}, and it began at {start:.3g}.",
    "learning rate far too small": "Then the loss would creep down from its first value; the test loss of VAE {n} goes "
    "from {start:.3g} to {second:.3g} in the first epoch alone.",
    "logvar read as log σ in the KL": "Then the variance would be exp(2 log 4) = 16, and the KL of μ = 1, σ = 2 in 8 "
    "latents 8 · ½ (1 + 16 − 1 − log 16) = 52.91; VAE {n} has {hand_kl:.2f}.",
    "no gradient through z": "Then the encoder would hear of the KL alone and bring it to 0.00, where it would stay; "
    "VAE {n} ends with a KL of {kl:.2f}.",
    "noise never reaches z": "Then z would not spread at all; where σ = 2, that of VAE {n} spreads by {spread:.2f}.",
    "pixels averaged, latents summed": "Then the reconstruction would begin near log 2 = 0.69, the cost of one grey "
    "pixel; VAE {n} begins at {start_reconstruction:.2f}.",
    "sigmoid applied twice": "Then no pixel could be darker than sigmoid(0) = 0.50; the darkest of VAE {n} has "
    "{darkest:.2f}.",
    "too few training images": "Then the training loss would end far below the test loss; VAE {n} ends with "
    "{train_loss:.2f} and {test_loss:.2f}.",
    "β far too large": "Then (loss − reconstruction) / KL would be β; in the training of VAE {n} it is "
    "{train_weight:.2f}.",
}
"""What each bug would show, and what was recorded instead."""

BEFORE_TRAINING = (
    "A gradient that is missing changes no number before training; VAE {n} begins with a reconstruction of "
    "{start_reconstruction:.2f} where the healthy VAE has 541.45."
)
LOOK_ALIKES = {
    (2, "no gradient through z"): BEFORE_TRAINING,
    (7, "no gradient through z"): BEFORE_TRAINING,
    (
        5,
        "no gradient through z",
    ): "A gradient that is missing lets the decoder learn in peace; one batch of VAE {n} costs {largest:.1g} nats.",
    (2, "β far too large"): "It acts like one. But β would show as (loss − reconstruction) / KL, and that is "
    "{train_weight:.2f}; what is far too small is the other term: {start_reconstruction:.2f} before training.",
    (
        6,
        "decoder ignores z",
    ): "It learns to. But before training its pixels change with z by up to {change:.3f}, as those "
    "of the healthy VAE: why does z stop being worth a look?",
    (4, "β far too large"): "The KL does weigh too much. But β would show as (loss − reconstruction) / KL, and that is "
    "{train_weight:.2f}: it is the KL itself that is wrong, {hand_kl:.2f} for μ = 1, σ = 2 in 8 latents.",
    (
        5,
        "learning rate far too small",
    ): "It does stand still. But first one batch cost {largest:.1g} nats, and small steps do not lead there.",
}
"""Where the general sentence would leave a doubt."""


CONFUSED = {
    1: (
        "exp(logvar) used as σ",
        "no gradient through z",
        "logvar read as log σ in the KL",
        "β far too large",
        "KL lacks its factor ½",
        "decoder ignores z",
        "too few training images",
    ),
    2: (
        "β far too large",
        "no gradient through z",
        "decoder ignores z",
        "KL lacks its factor ½",
        "learning rate far too small",
        "KL weighed differently in the test loss",
    ),
    3: (
        "KL lacks its factor ½",
        "too few training images",
        "β far too large",
        "KL enters with the wrong sign",
    ),
    4: (
        "β far too large",
        "logvar read as log σ in the KL",
        "KL weighed differently in the test loss",
        "exp(logvar) used as σ",
    ),
    5: (
        "no gradient through z",
        "decoder ignores z",
        "β far too large",
        "KL enters with the wrong sign",
        "learning rate far too small",
        "too few training images",
    ),
    6: (
        "β far too large",
        "decoder ignores z",
        "pixels averaged, latents summed",
        "learning rate far too large",
        "noise never reaches z",
        "learning rate far too small",
    ),
    7: (
        "learning rate far too small",
        "decoder ignores z",
        "pixels averaged, latents summed",
        "β far too large",
        "noise never reaches z",
        "no gradient through z",
    ),
    8: (
        "noise never reaches z",
        "logvar read as log σ in the KL",
        "KL lacks its factor ½",
        "β far too large",
        "too few training images",
        "KL weighed differently in the test loss",
    ),
}
"""The wrong labels that VAE n may well be given; all others are answered alike."""
ELSEWHERE = "a bug that would show elsewhere in the table"


def shown(n: int, label: str) -> str:
    """What the check says it got for a label: never whether it was nearly right."""
    if label == DIAGNOSES[n - 1](None):
        return f"the bug of VAE {n}"
    if label not in BUGS:
        return f"not one of BUGS: {label}"
    return label if label in CONFUSED[n] else ELSEWHERE


def tell(n: int, label: str) -> str:
    """The sentence that rules a label out for VAE n, with the recorded numbers."""
    record = records()[str(n)]
    start, second = record["curves"]["test_loss"][:2]
    sentence = LOOK_ALIKES.get((n, label), RULED_OUT[label])
    return sentence.format(n=n, start=start, second=second, **record["numbers"])


def odd_numbers(n: int) -> str:
    """The first numbers of the table in which VAE n is far from the healthy one."""
    found, healthy = (records()[name]["numbers"] for name in (str(n), "healthy"))
    odd = [
        f"{title} is {found[key]:{form}} (healthy: {healthy[key]:{form}})"
        for title, (key, form) in ((title, row) for title, row in ROWS.items() if row)
        if abs(found[key] - healthy[key]) > 0.25 * abs(healthy[key]) + 0.01
    ]
    return f"Odd about VAE {n} is something else: {'; '.join(odd[:3])}."


def _always(label):
    return lambda vae: label


def _confusions(n, diagnosis):
    for label in CONFUSED[n]:
        yield Mistake(f"took VAE {n} for '{label}'", {diagnosis.__name__: _always(label)}, tell(n, label))
    other = next(label for label in BUGS if shown(n, label) == ELSEWHERE)
    yield Mistake(f"a label whose traces VAE {n} does not show", {diagnosis.__name__: _always(other)}, odd_numbers(n))


CONFUSIONS = tuple(mistake for n, diagnosis in enumerate(DIAGNOSES, 1) for mistake in _confusions(n, diagnosis))
