"""The course of an incident, as lines that a person reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.model.target_state import TargetState

MAX_LINES = 300

_OTHERS_FIRST = "others first"
"""While its root is repaired again and again, a dependent's reason alternates."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened; ``count`` times, until ``until_wall``, if again."""

    at_wall: float
    until_wall: float
    kind: EntryKind
    target: str
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Timeline:
    """At most MAX_LINES lines; ``left_out`` is how many the middle lacks."""

    lines: tuple[TimelineEntry, ...]
    left_out: int

    @property
    def first_half(self) -> int:
        """After how many lines those that are left out would stand."""
        return len(self.lines) // 2


def build_timeline(entries: Iterable[JournalEntry]) -> Timeline:
    """Entries in order of time, told; a refusal that is repeated is told once."""
    lines: list[TimelineEntry] = []
    held: dict[str, tuple[str, int]] = {}
    for entry in entries:
        if _is_shown_elsewhere(entry):
            continue
        line = _line(entry)
        guard = _objection_of(entry)
        known = held.get(entry.target)
        if guard is not None and known is not None and known[0] == guard:
            nth = known[1]
            first = lines[nth]
            lines[nth] = replace(first, until_wall=line.at_wall, count=first.count + 1)
            continue
        if guard is not None:
            held[entry.target] = (guard, len(lines))
        elif entry.kind is not EntryKind.STATE:
            held.pop(entry.target, None)
        lines.append(line)
    return _cut_middle(lines)


def _is_shown_elsewhere(entry: JournalEntry) -> bool:
    """The decision for a remedy says that it began, and why."""
    doing = entry.data.get("to") == TargetState.RECOVERING
    return doing and entry.kind is EntryKind.STATE


def _objection_of(entry: JournalEntry) -> str | None:
    """Who held a remedy back; None: this is something else."""
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


def _line(entry: JournalEntry) -> TimelineEntry:
    text = _TEXTS[entry.kind](entry.data)
    return TimelineEntry(entry.at_wall, entry.at_wall, entry.kind, entry.target, text)


def _state(data: Mapping[str, object]) -> str:
    cause = data.get("cause")
    name = _plain(data["to"])
    known = cause is None or cause == data["to"]
    return _sentence(name if known else f"{name} ({cause})", data)


def _decision(data: Mapping[str, object]) -> str:
    action = str(data["action"])
    return _sentence(_DECIDED.get(action, f"decided: {_plain(action)}"), data)


def _remedy(data: Mapping[str, object]) -> str:
    action, outcome = _plain(data["action"]), _plain(data["outcome"])
    return _sentence(f"{action}: {outcome}, {_number(data['seconds']):.0f} s", data)


def _balance(data: Mapping[str, object]) -> str:
    return str(data["reason"])


def _incident(data: Mapping[str, object]) -> str:
    return _sentence(f"incident {_plain(data['step'])}", data)


def _sentence(head: str, data: Mapping[str, object]) -> str:
    reason = data.get("reason")
    return f"{head}: {reason}" if reason else head


def _plain(word: object) -> str:
    return str(word).replace("_", " ")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


_DECIDED: Mapping[str, str] = MappingProxyType(
    {
        Action.HOLD: "held back",
        Action.PAGE: "a person is needed",
        Action.SKIP: "planned restart left out",
        Action.LOOK: "looked into the container",
    }
)
_TEXTS: Mapping[EntryKind, Callable[[Mapping[str, object]], str]] = MappingProxyType(
    {
        EntryKind.STATE: _state,
        EntryKind.DECISION: _decision,
        EntryKind.REMEDY: _remedy,
        EntryKind.BALANCE: _balance,
        EntryKind.INCIDENT: _incident,
    }
)
