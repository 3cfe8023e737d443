"""What a checker's misjudgements say about it, also where several faults come together."""

from collections.abc import Iterator

ACCEPTED_CLUES = {
    "ReLU: dy ignored": "dy must be random, or what happens to it cannot show",
    "ReLU: both masks": "dy needs both signs",
    "linear, dbias: shape (1, 7)": "compare the shapes before the values",
    "x²: one entry is NaN": "a comparison with NaN is False, also `error > tolerance`",
    "x²: only the sum is right": "compare entry by entry, not sums",
    "x²: only the first entry is right": "look at every entry",
    "values of 10⁻¹⁰: sign": "a fixed tolerance (or atol) passes all that is smaller than it",
    "linear, dx: 0.01 % too large": "the tolerance is too large",
}
"""By a wrong function that was accepted."""
REFUSED_CLUES = {
    "x²": "curved functions fail: take steps to both sides",
    "sigmoid(2x)": "the step is too large where a function bends",
    "transposed view of x": "f may return a view of x: copy what it returns",
    "values of 10¹²": "a fixed tolerance fails all that is much larger: divide by the gradient's size",
    "one number, some slopes near 0": "divide by the largest entry of the gradient, not by each entry itself",
    "a constant": "a gradient of 0 gives 0/0",
}
"""By a right function that was rejected, where straight lines were accepted."""


def clues(slipped: list[str], stopped: list[str], refused: list[str]) -> Iterator[str]:
    """Where to look, in the order above; nothing where hardly anything was judged rightly."""
    if "2x at x = 0" in refused:
        yield "even 2x at x = 0 was rejected: is it sum(dy * (f(x + h) - f(x - h))) / 2h?"
        return
    if "2x near x = 0.02" in refused or "linear, dx" in refused:
        yield "straight lines fail away from 0: float32, a step too small, or a tolerance below the rounding"
        return
    if "x²: no factor 2" in slipped:
        yield "a gradient without its factor 2 was accepted: nothing else can be seen before this is"
        return
    yield from (clue for name, clue in ACCEPTED_CLUES.items() if name in slipped)
    if stopped and "linear, dbias: shape (1, 7)" not in slipped:
        yield "a gradient of another shape is wrong, not an error: answer False"
    for name, clue in REFUSED_CLUES.items():
        if name in refused and not (name == "sigmoid(2x)" and "x²" in refused):
            yield clue
