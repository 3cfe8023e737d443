"""The two ways in which a run ends early for a reason that a person can mend."""


class InputError(ValueError):
    """What the user gave cannot be used: one line that says what was expected and what came."""


class Diverged(ArithmeticError):
    """Training met NaN or infinity: names the step, the worst tensor and what to try."""
