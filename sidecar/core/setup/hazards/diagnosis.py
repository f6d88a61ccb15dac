"""Diagnosis of a stack: every check of the table, and its result as text."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.core.setup.hazards.hazard import (
    UNKNOWN_TEXTS,
    Finding,
    HazardRule,
    Unjudged,
)
from sidecar.core.setup.hazards.table import HAZARDS
from sidecar.core.setup.proposal import propose_setup
from sidecar.core.setup.stack_facts import StackFacts
from sidecar.core.text.printable import mark_unprintable, on_one_line

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard that is there; ``service`` "": it concerns the host."""

    code: str
    severity: str
    service: str
    reason: str
    advice: str
    line: str


@dataclass(frozen=True, slots=True)
class UnjudgedHazard:
    """A hazard whose check had no result."""

    code: str
    service: str
    reason: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The hazards of a stack, the most urgent first, and what could not be judged.

    ``checked``: number of kinds of hazards that were checked.
    """

    stack: str
    hazards: tuple[Hazard, ...]
    unjudged: tuple[UnjudgedHazard, ...]
    checked: int


def diagnose(stack: StackFacts, language: str) -> Diagnosis:
    """The diagnosis of a stack, with texts in a language: ``en`` or ``ko``."""
    hazards: list[Hazard] = []
    unjudged: list[UnjudgedHazard] = []
    proposal = propose_setup(stack)
    for rule in HAZARDS:
        for result in rule.check(proposal):
            if isinstance(result, Finding):
                hazards.append(_describe(rule, result, language))
            else:
                unjudged.append(_describe_unjudged(rule, result, language))
    return Diagnosis(_safe(stack.name), tuple(hazards), tuple(unjudged), len(HAZARDS))


def _describe(rule: HazardRule, finding: Finding, language: str) -> Hazard:
    values = _safe_values(finding.values)
    return Hazard(
        rule.code,
        str(rule.severity),
        _safe(finding.service),
        rule.reason.write(language, values),
        rule.advice.write(language, values),
        rule.line.format_map(values),
    )


def _describe_unjudged(
    rule: HazardRule, result: Unjudged, language: str
) -> UnjudgedHazard:
    text = UNKNOWN_TEXTS[result.why].write(language, {})
    return UnjudgedHazard(rule.code, _safe(result.service), text)


def _safe_values(values: Mapping[str, str]) -> dict[str, str]:
    return {name: _safe(value) for name, value in values.items()}


def _safe(text: str) -> str:
    """Untrusted text on one line, printable and bounded."""
    return mark_unprintable(on_one_line(text))[:_LONGEST]
