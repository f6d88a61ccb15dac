"""Timeline of an incident, as lines for people."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import NO_REASON, Reason

MAX_LINES = 300

_OTHERS_FIRST = "others first"
"""Common key of guards that alternate while a root is repaired again and again."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of the timeline; repeated ``count`` times until ``until_wall``.

    ``data`` and ``reason`` are those of the first journal entry, for a text in another
    language.
    """

    at_wall: float
    until_wall: float
    kind: EntryKind
    target: str
    text: str
    count: int = 1
    data: Mapping[str, object] = field(default_factory=dict)
    reason: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class Timeline:
    """At most MAX_LINES lines; ``left_out`` is the number cut out of the middle."""

    lines: tuple[TimelineEntry, ...]
    left_out: int

    @property
    def first_half(self) -> int:
        """Number of lines before those that are left out."""
        return len(self.lines) // 2


def build_timeline(entries: Iterable[JournalEntry]) -> Timeline:
    """Lines for entries in order of time; repeated objections make one line."""
    lines: list[TimelineEntry] = []
    objections: dict[str, tuple[str, int]] = {}
    for entry in entries:
        if _is_shown_elsewhere(entry):
            continue
        line = _to_line(entry)
        objection = _objection_of(entry)
        previous = objections.get(entry.target)
        if objection is not None and previous is not None and previous[0] == objection:
            nth = previous[1]
            first = lines[nth]
            lines[nth] = replace(first, until_wall=line.at_wall, count=first.count + 1)
            continue
        if objection is not None:
            objections[entry.target] = (objection, len(lines))
        elif entry.kind is not EntryKind.STATE:
            objections.pop(entry.target, None)
        lines.append(line)
    return _cut_middle(lines)


def _is_shown_elsewhere(entry: JournalEntry) -> bool:
    """Is it a remedy's begin, which the line of its decision tells already?"""
    doing = entry.data.get("to") == TargetState.RECOVERING
    return doing and entry.kind is EntryKind.STATE


def _objection_of(entry: JournalEntry) -> str | None:
    """Guard that held a remedy back; None: the entry is something else."""
    if entry.kind is not EntryKind.DECISION or entry.data.get("action") != Action.HOLD:
        return None
    guard = str(entry.data.get("guard"))
    is_for_others = guard in {g for g in Guard if g.rule.waits_for_others}
    return _OTHERS_FIRST if is_for_others else guard


def _cut_middle(lines: list[TimelineEntry]) -> Timeline:
    too_many = len(lines) - MAX_LINES
    if too_many <= 0:
        return Timeline(tuple(lines), 0)
    half = MAX_LINES // 2
    return Timeline((*lines[:half], *lines[-half:]), too_many)


def _to_line(entry: JournalEntry) -> TimelineEntry:
    text = _TEXTS[entry.kind](entry.data)
    return TimelineEntry(
        entry.at_wall,
        entry.at_wall,
        entry.kind,
        entry.target,
        text,
        data=entry.data,
        reason=entry.reason,
    )


def _state_text(data: Mapping[str, object]) -> str:
    cause = data.get("cause")
    name = _with_spaces(data["to"])
    is_cause_clear = cause is None or cause == data["to"]
    return _sentence(name if is_cause_clear else f"{name} ({cause})", data)


def _decision_text(data: Mapping[str, object]) -> str:
    action = str(data["action"])
    return _sentence(
        _DECISION_TEXTS.get(action, f"decided: {_with_spaces(action)}"), data
    )


def _remedy_text(data: Mapping[str, object]) -> str:
    action, outcome = _with_spaces(data["action"]), _with_spaces(data["outcome"])
    return _sentence(f"{action}: {outcome}, {_number(data['seconds']):.0f} s", data)


def _balance_text(data: Mapping[str, object]) -> str:
    return str(data["reason"])


def _incident_text(data: Mapping[str, object]) -> str:
    return _sentence(f"incident {_with_spaces(data['step'])}", data)


def _sentence(head: str, data: Mapping[str, object]) -> str:
    reason = data.get("reason")
    return f"{head}: {reason}" if reason else head


def _with_spaces(word: object) -> str:
    return str(word).replace("_", " ")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


_DECISION_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        Action.HOLD: "held back",
        Action.PAGE: "a person is needed",
        Action.SKIP: "planned restart left out",
        Action.LOOK: "looked into the container",
    }
)
_TEXTS: Mapping[EntryKind, Callable[[Mapping[str, object]], str]] = MappingProxyType(
    {
        EntryKind.STATE: _state_text,
        EntryKind.DECISION: _decision_text,
        EntryKind.REMEDY: _remedy_text,
        EntryKind.BALANCE: _balance_text,
        EntryKind.INCIDENT: _incident_text,
    }
)
