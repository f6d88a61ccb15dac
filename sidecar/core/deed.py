"""What was done about an incident, as it is told: what, when, and whether it helped."""

from typing import NamedTuple

from sidecar.core.decision import Action
from sidecar.core.transition import RemedyEnded, RemedyOutcome

KEPT_DEEDS = 8
"""Of one incident; a message has the last ones."""


class Deed(NamedTuple):
    """A remedy that has ended; ``began_wall`` is when it was decided on."""

    began_wall: float
    name: str
    action: Action
    outcome: RemedyOutcome


def deed_of(ended: RemedyEnded) -> Deed:
    """A remedy as something that people are told of."""
    began_wall = ended.at.wall - ended.seconds
    return Deed(began_wall, ended.name, ended.action, ended.outcome)


def remember(deeds: tuple[Deed, ...], deed: Deed) -> tuple[Deed, ...]:
    """With one more; the oldest are forgotten."""
    return (*deeds, deed)[-KEPT_DEEDS:]


def as_text(deeds: tuple[Deed, ...]) -> str:
    """As a fact of a message: a line each, the name last."""
    return "\n".join(
        f"{d.began_wall:.3f} {d.action} {d.outcome} {d.name}" for d in deeds
    )


def from_text(text: str) -> tuple[Deed, ...]:
    """The same back; what is no deed is left out."""
    found = (_read(line) for line in text.splitlines())
    return tuple(deed for deed in found if deed is not None)


def _read(line: str) -> Deed | None:
    wall, action, outcome, name = (*line.split(" ", 3), "", "", "", "")[:4]
    try:
        return Deed(float(wall), name, Action(action), RemedyOutcome(outcome))
    except ValueError:
        return None
