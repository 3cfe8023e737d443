"""The rung of the learner's own functions, for `vae-ladder climb --mine` and `vae-ladder parity --mine`."""

from collections.abc import Iterator
from typing import Any, cast

from rich.console import Console

from exercises.kit.answers import open_answers
from exercises.kit.own_functions import OwnFunctions, own_functions
from exercises.kit.own_rung import OwnRung, whose
from foundation.architecture import Architecture, Parameters
from foundation.console import say, step_display
from foundation.errors import InputError
from foundation.language import translate
from foundation.objective import Objective
from foundation.rung import Rung, describe_architecture
from ladder.options import Climb, Parity
from ladder.rungs import MINE, make_rung

IN_THIS_PROCESS = "Your own functions run in this process, with your rights, as any program of yours does."


class Mine:
    """The learner's functions, and the last rung that was made of them."""

    def __init__(self, own: OwnFunctions) -> None:
        self.own = own
        self._rungs: list[OwnRung] = []

    def make(
        self,
        name: str,
        architecture: Architecture,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        objective: Objective = Objective(),  # noqa: B008  (frozen)
    ) -> Rung:
        """A rung by its name, as `ladder.rungs.make_rung`, with the learner's among them."""
        if name != MINE:
            return make_rung(name, architecture, parameters, learning_rate, objective)
        description = describe_architecture(architecture, likelihood=objective.likelihood, sigma=objective.sigma)
        rung = OwnRung(self.own, architecture, parameters, learning_rate, description)
        self._rungs.append(rung)
        return rung

    def replace(self, rung: Rung) -> Rung:
        """The learner's rung in the place of rung 1, with its parameters."""
        given: Any = rung
        made = OwnRung(self.own, given.architecture, rung.parameters(), rung.learning_rate, rung.description)
        self._rungs.append(made)
        return cast(Rung, made)

    def whose(self) -> dict[str, str]:
        """Of every function of the exercises: whether the learner's is used, and why not."""
        used = {name for rung in self._rungs for name in rung.used}
        return dict(whose(self.own, used))

    def lines(self) -> Iterator[str]:
        """The same as lines for a person, those with the same words in one: first the learner's, then ours."""
        rows = self.whose()
        for text in sorted(dict.fromkeys(rows.values()), key=lambda text: text.startswith("ours")):
            yield f"{translate(text)}: {', '.join(name for name, whose in rows.items() if whose == text)}"


def find_mine(console: Console, choices: Climb | Parity) -> Mine | None:
    """The learner's functions where --mine asks for them. Raises `InputError` where there are none that can be used."""
    if not choices.mine:
        if choices.as_written or choices.answers is not None:
            raise InputError("--answers and --as-written belong to --mine, which was not given")
        return None
    likelihood = choices.likelihood if isinstance(choices, Parity) else choices.model.likelihood
    if likelihood != "bernoulli":
        raise InputError(f"--mine: expected the Bernoulli likelihood, which the exercises have, got {likelihood}")
    answers = open_answers(choices.answers)
    with step_display(console, "checking your answers") as now:
        own = own_functions(answers, choices.as_written, now)
    say(console, IN_THIS_PROCESS)
    return Mine(own)
