"""Completed remedies of an incident, as messages list them: time, action, outcome."""

from collections.abc import Iterable
from typing import NamedTuple

from sidecar.core.model.decision import Action
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome

KEPT_REMEDIES = 8
"""Maximum per incident; the last ones are kept for messages."""


class CompletedRemedy(NamedTuple):
    """A remedy that has ended; ``began_wall`` is the time of its decision."""

    began_wall: float
    name: str
    action: Action
    outcome: RemedyOutcome


def summarize_remedy(remedy: RemedyEnded) -> CompletedRemedy:
    """Summary of an ended remedy for messages."""
    began_wall = remedy.at.wall - remedy.seconds
    return CompletedRemedy(began_wall, remedy.name, remedy.action, remedy.outcome)


def add_loads(
    remedies: tuple[CompletedRemedy, ...], name: str, loads_wall: Iterable[float]
) -> tuple[CompletedRemedy, ...]:
    """Add the attempts to load a wallet that are not in ``remedies`` yet.

    A load that the daemon refuses, or does not answer, is not recorded as an ended
    remedy. A load that it answers is: that remedy begins with the answer.
    """
    action, outcome = Action.LOAD_WALLET, RemedyOutcome.NOT_RECOVERED
    load_times = sorted(loads_wall)
    for remedy in remedies:
        if remedy.action is action and remedy.name == name:
            before = [wall for wall in load_times if wall <= remedy.began_wall]
            load_times = [
                wall for wall in load_times if wall != max(before, default=None)
            ]
    failed_loads = (CompletedRemedy(wall, name, action, outcome) for wall in load_times)
    return tuple(sorted((*remedies, *failed_loads)))


def add_completed_remedy(
    remedies: tuple[CompletedRemedy, ...], remedy: CompletedRemedy
) -> tuple[CompletedRemedy, ...]:
    """Add a remedy; the oldest are dropped."""
    return (*remedies, remedy)[-KEPT_REMEDIES:]


def write_completed_remedies(remedies: tuple[CompletedRemedy, ...]) -> str:
    """Encode as a fact of a message: one line per remedy, the name last."""
    return "\n".join(
        f"{d.began_wall:.3f} {d.action} {d.outcome} {d.name}" for d in remedies
    )


def read_completed_remedies(text: str) -> tuple[CompletedRemedy, ...]:
    """Decode the fact of a message; malformed lines are skipped."""
    remedies = (_read_line(line) for line in text.splitlines())
    return tuple(remedy for remedy in remedies if remedy is not None)


def _read_line(line: str) -> CompletedRemedy | None:
    wall, action, outcome, name = (*line.split(" ", 3), "", "", "", "")[:4]
    try:
        return CompletedRemedy(
            float(wall), name, Action(action), RemedyOutcome(outcome)
        )
    except ValueError:
        return None
