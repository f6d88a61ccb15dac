"""The shipped alert rules as data, and the same rules at a higher speed."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from tests.support.repository import REPOSITORY

FOLDER = REPOSITORY / "compose" / "prometheus"
RULES = FOLDER / "sidecar.rules.yml"
ALERTMANAGER = FOLDER / "alertmanager.yml"
RUNBOOKS = REPOSITORY / "docs" / "runbooks.md"

UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FOR = re.compile(r"^(\s+for: )(\d+)([smhd])$", re.MULTILINE)
_RANGE = re.compile(r"\[(\d+)([smhd])\]")


class Rule(NamedTuple):
    """One rule of the file; ``alert`` or ``record`` is empty."""

    alert: str
    record: str
    expr: str
    wait: str
    labels: dict[str, str]
    annotations: dict[str, str]


def read_rules() -> list[Rule]:
    """Every rule, in the order of the file."""
    return list(_rules_of(RULES.read_text()))


def alerts() -> list[Rule]:
    """The alert rules."""
    return [rule for rule in read_rules() if rule.alert]


def _rules_of(text: str) -> Iterator[Rule]:
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            yield Rule(
                rule.get("alert", ""),
                rule.get("record", ""),
                rule["expr"],
                str(rule.get("for", "")),
                rule.get("labels", {}),
                rule.get("annotations", {}),
            )


def faster_rules(factor: int) -> str:
    """The text of the rules, with every ``for`` and range divided by ``factor``."""

    def divide(number: str, unit: str) -> str:
        return f"{int(number) * UNIT_MS[unit] // factor}ms"

    text = _FOR.sub(lambda m: m[1] + divide(m[2], m[3]), RULES.read_text())
    return _RANGE.sub(lambda m: f"[{divide(m[1], m[2])}]", text)


def faster_expressions(factor: int) -> dict[str, str]:
    """The expression of each faster rule, by the name of its alert or record."""
    rules = _rules_of(faster_rules(factor))
    return {rule.alert or rule.record: rule.expr for rule in rules}
