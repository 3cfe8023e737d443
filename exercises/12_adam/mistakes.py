"""Wrong averages and corrections of Adam, each with the number that gives it away."""

import numpy as np

from .steps import wrong

CORRECTION = (
    wrong(
        "no bias correction",
        "{came} instead of {expected}: √10 = 3.162 times the step. m holds 0.1 of the gradient, √v 0.0316 of it.",
        m_hat=lambda s: s.m,
        v_hat=lambda s: s.v,
    ),
    wrong(
        "only m is corrected",
        "{came} instead of {expected}: v, too, begins at 0. Uncorrected, √v is 31.62 times too small at first.",
        v_hat=lambda s: s.v,
    ),
    wrong(
        "only v is corrected",
        "{came} instead of {expected}: m, too, begins at 0. Uncorrected, it is a tenth of the gradient at first.",
        m_hat=lambda s: s.m,
    ),
    wrong(
        "t counted after the correction",
        "The first step divides by 1 - β⁰ = 0, and 0/0 follows. t = t + 1 belongs to the beginning.",
        m_hat=lambda s: s.m / np.float64(1 - s.beta1**s.t_before),
        v_hat=lambda s: s.v / np.float64(1 - s.beta2**s.t_before),
    ),
    wrong(
        "t is not counted",
        "{came} instead of {expected}: returned as it came, t stays where it is, and the second step is "
        "corrected like the first.",
        returned=("parameter", "m", "v", "t_before"),
    ),
    wrong(
        "corrected by 1 - β instead of 1 - βᵗ",
        "{came} instead of {expected}: right for the first step only. Later the averages need less correction.",
        m_hat=lambda s: s.m / (1 - s.beta1),
        v_hat=lambda s: s.v / (1 - s.beta2),
    ),
    wrong(
        "β·t instead of βᵗ",
        "The first step is right, since β·1 = β¹. At the second, 1 - 1.998 is negative: no root. `**`, not `*`.",
        m_hat=lambda s: s.m / (1 - s.beta1 * s.t),
        v_hat=lambda s: s.v / (1 - s.beta2 * s.t),
    ),
    wrong(
        "corrections of m and v exchanged",
        "{came} instead of {expected}: 0.1/0.001 over √(0.001/0.1). m belongs to β₁, v to β₂.",
        m_hat=lambda s: s.m / (1 - s.beta2**s.t),
        v_hat=lambda s: s.v / (1 - s.beta1**s.t),
    ),
    wrong(
        "corrected m is fed back",
        "{came} instead of {expected}: m̂ is for this step only. What is returned, and averaged on, is m.",
        returned=("parameter", "m_hat", "v", "t"),
    ),
    wrong(
        "corrected v is fed back",
        "{came} instead of {expected}: v̂ is for this step only. What is returned, and averaged on, is v.",
        returned=("parameter", "m", "v_hat", "t"),
    ),
    wrong(
        "corrected m and v are fed back",
        "{came} instead of {expected}: m̂ and v̂ are for this step only. What is returned, and averaged on, is m and v.",
        returned=("parameter", "m_hat", "v_hat", "t"),
    ),
)

AVERAGES = (
    wrong(
        "m sums gradients",
        "{came} instead of {expected}: without the factor 1 - β₁ = 0.1, m is ten times too large.",
        m=lambda s: s.beta1 * s.m + s.g,
    ),
    wrong(
        "v sums squares",
        "{came} instead of {expected}: without the factor 1 - β₂ = 0.001, √v is 31.62 times too large.",
        v=lambda s: s.beta2 * s.v + s.g**2,
    ),
    wrong(
        "β and 1 - β exchanged",
        "{came} instead of {expected}: β is how much of the old stays; only 1 - β of the gradient is new.",
        m=lambda s: (1 - s.beta1) * s.m + s.beta1 * s.g,
        v=lambda s: (1 - s.beta2) * s.v + s.beta2 * s.g**2,
    ),
    wrong(
        "β₁ and β₂ exchanged",
        "{came} instead of {expected}: β₁ = 0.9 belongs to m, β₂ = 0.999 to v. The first step is right nevertheless.",
        m=lambda s: s.beta2 * s.m + (1 - s.beta2) * s.g,
        v=lambda s: s.beta1 * s.v + (1 - s.beta1) * s.g**2,
        m_hat=lambda s: s.m / (1 - s.beta2**s.t),
        v_hat=lambda s: s.v / (1 - s.beta1**s.t),
    ),
    wrong(
        "v averages the gradients, not their squares",
        "For a negative gradient, v is negative and has no root. v averages g².",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * s.g,
    ),
    wrong(
        "v averages |g|",
        "{came} instead of {expected}: √|g| stands below, so the step still grows with the gradient. v averages g².",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * np.abs(s.g),
    ),
    wrong(
        "v averages m²",
        "{came} instead of {expected}: v averages the squares of the gradients, not of their average m.",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * s.m**2,
    ),
    wrong(
        "one v for the whole array",
        "{came} instead of {expected}: every entry has its own v, or small gradients make small steps again.",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * np.mean(s.g**2),
    ),
    wrong(
        "gradient instead of m̂ above",
        "{came} instead of {expected}: g over √v̂ is RMSprop, corrected. The first step is right; m has no effect.",
        update=lambda s: s.learning_rate * s.g / (np.sqrt(s.v_hat) + s.eps),
    ),
    wrong(
        "steps with the m of before",
        "{came} instead of {expected}: the m that came in knows nothing of this gradient. Update m first, then use it.",
        m_hat=lambda s: s.m_before / (1 - s.beta1**s.t),
    ),
    wrong(
        "β₁ and β₂ written as numbers",
        "{came} instead of {expected}: right with 0.9 and 0.999, wrong with others. Use the arguments.",
        m=lambda s: 0.9 * s.m + 0.1 * s.g,
        v=lambda s: 0.999 * s.v + 0.001 * s.g**2,
        m_hat=lambda s: s.m / (1 - 0.9**s.t),
        v_hat=lambda s: s.v / (1 - 0.999**s.t),
    ),
)

MISTAKES = CORRECTION + AVERAGES
