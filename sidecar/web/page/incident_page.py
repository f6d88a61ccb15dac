"""One incident with its timeline, remedies, evidence and post-mortem, in words."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sidecar.core.model.journal_entry import EntryKind
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode
from sidecar.core.reporting.incident_review import Impact, IncidentReview
from sidecar.core.reporting.postmortem.document import write_postmortem
from sidecar.core.reporting.timeline import TimelineEntry, build_timeline
from sidecar.core.text.formatting import fold_repeated_lines
from sidecar.core.text.printable import printable
from sidecar.web.page.stack_view import describe_action
from sidecar.web.page.target_view import LEVELS, Time
from sidecar.web.page.texts import PageTexts, machine_time

MAX_EVIDENCE = 5
"""Bundles that the page shows, the last ones; the API gives all."""

MAX_VALUE = 20_000


class ImpactRow(NamedTuple):
    """The outage of one target; ``ended`` None: it lasts."""

    target: str
    began: Time
    ended: Time | None
    down: str


class Line(NamedTuple):
    """One line of the timeline. ``is_english``: its reason is a text of others, or of
    an earlier version.
    """

    at: Time
    target: str
    text: str
    kind: str = ""
    level: str = ""
    repeats: int = 1
    reason: str = ""
    is_english: bool = False


class Bundle(NamedTuple):
    """Evidence that was gathered before a remedy."""

    title: str
    parts: tuple[tuple[str, str], ...]


class IncidentPage(NamedTuple):
    """The page's content; ``evidence`` and ``postmortem`` are empty for visitors."""

    target: str
    severity: str
    is_open: bool
    problem: str
    began: Time
    ended: Time | None
    lasted: str
    acked: str
    payments: str
    impacts: tuple[ImpactRow, ...]
    remedies: tuple[Line, ...]
    timeline: tuple[Line, ...]
    left_out: int
    evidence: tuple[Bundle, ...] = ()
    postmortem: str = ""


class IncidentPageBuilder:
    """Builds the page of one review in one language."""

    def __init__(self, texts: PageTexts, *, is_operator: bool) -> None:
        self._texts = texts
        self._is_operator = is_operator

    def build(self, review: IncidentReview, payments: str) -> IncidentPage:
        """The page; pure, and slow for a long timeline: for a thread."""
        incident, texts = review.incident, self._texts
        timeline = build_timeline(review.entries)
        page = IncidentPage(
            incident.target,
            incident.severity.value,
            incident.open,
            texts.problem(incident.cause),
            self._full(review.began_wall),
            None if review.ended_wall is None else self._full(review.ended_wall),
            texts.duration(review.seconds),
            self._describe_ack(review),
            payments,
            tuple(self._impact(impact) for impact in review.impacts),
            tuple(self._remedy_lines(review)),
            tuple(self._line(line) for line in timeline.lines),
            timeline.left_out,
        )
        if not self._is_operator:
            return page
        bundles = review.evidence[-MAX_EVIDENCE:]
        return page._replace(
            evidence=tuple(self._bundle(bundle) for bundle in bundles),
            postmortem=write_postmortem(review),
        )

    def _full(self, wall: float) -> Time:
        return Time(machine_time(wall), self._texts.full(wall))

    def _describe_ack(self, review: IncidentReview) -> str:
        acked_at = review.incident.acked_at
        if acked_at is None:
            return self._texts("incident.not_acked") if review.incident.open else ""
        return self._texts("incident.acked", at=self._texts.full(acked_at.wall))

    def _impact(self, impact: Impact) -> ImpactRow:
        until = impact.until_wall
        return ImpactRow(
            impact.target,
            self._full(impact.from_wall),
            None if until is None else self._full(until),
            self._texts.duration(impact.down_s),
        )

    def _remedy_lines(self, review: IncidentReview) -> Iterator[Line]:
        texts = self._texts
        for remedy in review.remedies:
            text = texts(
                "remedy",
                action=texts.action(remedy.action),
                outcome=texts.outcome(remedy.outcome),
                seconds=texts.duration(remedy.seconds),
            )
            yield Line(self._full(remedy.at_wall), remedy.target, text)

    # --- the timeline

    def _line(self, entry: TimelineEntry) -> Line:
        return Line(
            self._full(entry.at_wall),
            entry.target,
            self._head(entry),
            entry.kind.value,
            self._level(entry),
            entry.count,
            self._texts.reason(entry.reason),
            entry.reason.code is ReasonCode.TEXT and self._texts.language != "en",
        )

    def _head(self, entry: TimelineEntry) -> str:
        texts, data = self._texts, entry.data
        match entry.kind:
            case EntryKind.STATE:
                return texts(f"state.{data['to']}")
            case EntryKind.DECISION:
                return describe_action(str(data["action"]), texts)
            case EntryKind.REMEDY:
                return texts(
                    "remedy.ended",
                    action=texts.action(str(data["action"])),
                    outcome=texts.outcome(str(data["outcome"])),
                )
            case EntryKind.BALANCE:
                return texts(f"balance.{data['comparison']}")
            case EntryKind.INCIDENT:
                return texts(f"step.{data['step']}")

    def _level(self, entry: TimelineEntry) -> str:
        if entry.kind is not EntryKind.STATE:
            return ""
        return LEVELS[TargetState(str(entry.data["to"]))]

    # --- evidence

    def _bundle(self, bundle: Mapping[str, object]) -> Bundle:
        head = str(bundle.get("at") or ""), str(bundle.get("target") or "")
        parts = tuple((key, _write_value(value)) for key, value in bundle.items())
        return Bundle(self._texts.foreign(" ".join(filter(None, head))), parts)


def _write_value(value: object) -> str:
    """A part of the evidence as text: printable, bounded, repeated lines folded."""
    text = value if isinstance(value, str) else json.dumps(value, indent=1, default=str)
    return fold_repeated_lines(printable(text))[-MAX_VALUE:]
