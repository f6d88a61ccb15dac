"""What was done about an incident, as it is told: what, when, and whether it helped."""

from collections.abc import Iterable
from typing import NamedTuple

from sidecar.core.model.decision import Action
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome

KEPT_REMEDIES = 8
"""Of one incident; a message has the last ones."""


class CompletedRemedy(NamedTuple):
    """A remedy that has ended; ``began_wall`` is when it was decided on."""

    began_wall: float
    name: str
    action: Action
    outcome: RemedyOutcome


def summarize_remedy(ended: RemedyEnded) -> CompletedRemedy:
    """A remedy as something that people are told of."""
    began_wall = ended.at.wall - ended.seconds
    return CompletedRemedy(began_wall, ended.name, ended.action, ended.outcome)


def add_loads(
    deeds: tuple[CompletedRemedy, ...], name: str, loads_wall: Iterable[float]
) -> tuple[CompletedRemedy, ...]:
    """With the loads of a wallet that were begun then and are no deed for themselves.

    A load that the daemon refuses, or does not answer, is no remedy that has ended. One
    that it answers is: its deed begins with the answer.
    """
    action, outcome = Action.LOAD_WALLET, RemedyOutcome.NOT_RECOVERED
    tried = sorted(loads_wall)
    for deed in deeds:
        if deed.action is action and deed.name == name:
            before = [wall for wall in tried if wall <= deed.began_wall]
            tried = [wall for wall in tried if wall != max(before, default=None)]
    in_vain = (CompletedRemedy(wall, name, action, outcome) for wall in tried)
    return tuple(sorted((*deeds, *in_vain)))


def add_completed_remedy(
    deeds: tuple[CompletedRemedy, ...], deed: CompletedRemedy
) -> tuple[CompletedRemedy, ...]:
    """With one more; the oldest are forgotten."""
    return (*deeds, deed)[-KEPT_REMEDIES:]


def write_completed_remedies(deeds: tuple[CompletedRemedy, ...]) -> str:
    """As a fact of a message: a line each, the name last."""
    return "\n".join(
        f"{d.began_wall:.3f} {d.action} {d.outcome} {d.name}" for d in deeds
    )


def read_completed_remedies(text: str) -> tuple[CompletedRemedy, ...]:
    """The same back; what is no deed is left out."""
    found = (_read_line(line) for line in text.splitlines())
    return tuple(deed for deed in found if deed is not None)


def _read_line(line: str) -> CompletedRemedy | None:
    wall, action, outcome, name = (*line.split(" ", 3), "", "", "", "")[:4]
    try:
        return CompletedRemedy(
            float(wall), name, Action(action), RemedyOutcome(outcome)
        )
    except ValueError:
        return None
