"""Reading of a scenario's file: a scenario, or all faults of the file."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.config.duration import parse_seconds
from sidecar.config.file import yaml_text
from sidecar.config.file.scenario_sections import (
    AnyStep,
    BusyStepSection,
    EngineLostStepSection,
    ExitStepSection,
    ExpectationSection,
    FailStepSection,
    OperatorStepSection,
    ScenarioDocument,
    SimulatedServiceSection,
)
from sidecar.config.file.schema import scenario_schema
from sidecar.config.file.setting_types import Section, value_or
from sidecar.config.file.text_file import read_text
from sidecar.config.problem import ConfigError, ConfigProblem, quote_value
from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.scenario import (
    NOT_PROBED,
    BusyTime,
    ContainerExit,
    EngineLoss,
    Expectation,
    Failure,
    OperatorAct,
    OperatorStep,
    Scenario,
    ScenarioAct,
    ScenarioStep,
    ServiceBehaviour,
)
from sidecar.core.model.target_state import TargetState

BEGIN = "2026-01-01T00:00:00Z"
LONGEST_S = 30 * 86_400.0

PROBED = tuple(cause for cause in CAUSES if cause not in NOT_PROBED)
"""The causes that a probe can find."""

Choice = TypeVar("Choice", bound=StrEnum)
Default = TypeVar("Default", float, float | None)


def read_scenario(path: Path, targets: Iterable[str]) -> Scenario:
    """The scenario of a file for these targets. Raises ConfigError with all faults."""
    document = _read(path)
    target_names = tuple(targets)
    reader = _Reader()
    services = value_or(document.services, {})
    steps = value_or(document.steps, [])
    expectations = value_or(document.expect, [])
    reader.check_names(document, target_names)
    scenario = Scenario(
        reader.duration(document.duration),
        reader.begin(value_or(document.begin, BEGIN)),
        {name: _behaviour(section) for name, section in services.items()},
        tuple(reader.step(step, f"steps[{i}]") for i, step in enumerate(steps)),
        tuple(
            reader.expectation(section, f"expect[{i}]")
            for i, section in enumerate(expectations)
        ),
    )
    reader.check_times(scenario)
    if reader.faults:
        raise ConfigError(reader.faults)
    return scenario


def _read(path: Path) -> ScenarioDocument:
    tree, faults = yaml_text.parse_yaml(read_text(path), str(path))
    if faults:
        raise ConfigError(faults)
    try:
        return msgspec.convert(tree, ScenarioDocument)
    except msgspec.ValidationError as error:
        from sidecar.config.file import schema_errors  # noqa: PLC0415 - weighs 6 MB

        problems = schema_errors.find_schema_problems(tree, scenario_schema())
        schema_faults = [problem.fault for problem in problems]
        raise ConfigError(
            schema_faults
            or [ConfigProblem(str(path), str(error), "what the schema says")]
        ) from None


def _behaviour(section: SimulatedServiceSection) -> ServiceBehaviour:
    usual = ServiceBehaviour()
    return ServiceBehaviour(
        _seconds_or(section.boot, usual.boot_s),
        _seconds_or(section.stop, usual.stop_s),
        value_or(section.replicas, usual.replicas),
        value_or(section.restart_policy, "unless-stopped") != "no",
        value_or(section.loads_wallet, usual.loads_wallet),
    )


class _Reader:
    """Converts sections, and collects the faults."""

    def __init__(self) -> None:
        self.faults: list[ConfigProblem] = []

    def duration(self, text: str) -> float:
        seconds = parse_seconds(text)
        if seconds > LONGEST_S:
            self.faults.append(ConfigProblem("duration", text, "at most 30d"))
        return seconds

    def begin(self, text: str) -> float:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            allowed = f"a time such as {BEGIN}"
            self.faults.append(ConfigProblem("begin", quote_value(text), allowed))
            return 0.0
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()

    def step(self, section: AnyStep, path: str) -> ScenarioStep:
        return ScenarioStep(parse_seconds(section.at), self._act(section, path))

    def _act(self, section: AnyStep, path: str) -> ScenarioAct:
        match section:
            case FailStepSection():
                return self._failure(section, path)
            case ExitStepSection():
                code, replica = value_or(section.code, 1), value_or(section.replica, 1)
                return ContainerExit(section.target, code, replica)
            case OperatorStepSection():
                return OperatorStep(section.target, OperatorAct(section.act))
            case EngineLostStepSection():
                return EngineLoss(parse_seconds(section.duration))
            case BusyStepSection():
                return BusyTime(section.target, parse_seconds(section.duration))

    def _failure(self, section: FailStepSection, path: str) -> Failure:
        cause = self._choose(Cause, section.cause, f"{path}.cause", PROBED)
        duration_s = _seconds_or(section.duration, None)
        # What ends by itself needs no restart, unless the file says so.
        usual = 1 if duration_s is None else None
        restarts = value_or(section.restarts, usual)
        replica = value_or(section.replica, None)
        return Failure(
            section.target,
            cause or Cause.REFUSED,
            restarts or None,
            duration_s,
            replica,
        )

    def expectation(self, section: ExpectationSection, path: str) -> Expectation:
        causes = value_or(section.causes, None)
        return Expectation(
            value_or(section.target, None),
            value_or(section.restarts, None),
            self._choose_if_set(TargetState, section.state, f"{path}.state"),
            _seconds_or(section.unavailable, None),
            self._choose_if_set(Guard, section.guard, f"{path}.guard"),
            causes if causes is None else tuple(self._causes(causes, path)),
            value_or(section.messages, None),
            None if section.order is UNSET else tuple(section.order),
            _seconds_or(section.no_restart_before, None),
            _seconds_or(section.no_message_before, None),
        )

    def _causes(self, names: Iterable[str], path: str) -> Iterator[Cause]:
        for name in names:
            cause = self._choose(Cause, name, f"{path}.causes", tuple(CAUSES))
            if cause is not None:
                yield cause

    def _choose_if_set(
        self, kind: type[Choice], name: str | UnsetType, path: str
    ) -> Choice | None:
        if isinstance(name, UnsetType):
            return None
        return self._choose(kind, name, path, tuple(kind))

    def _choose(
        self, kind: type[Choice], name: str, path: str, allowed: tuple[Choice, ...]
    ) -> Choice | None:
        if name in allowed:
            return kind(name)
        words = ", ".join(allowed)
        self.faults.append(ConfigProblem(path, quote_value(name), words))
        return None

    def check_names(self, document: ScenarioDocument, known: tuple[str, ...]) -> None:
        """Faults of names that are no target."""
        named = [("services", name) for name in value_or(document.services, {})]
        named += _names_in("steps", value_or(document.steps, []))
        self.faults += _unknown_names(named, known)
        sections = value_or(document.expect, [])
        expected = [*_names_in("expect", sections), *_ordered_names(sections)]
        replicas = tuple(_replica_names(document, known))
        self.faults += _unknown_names(expected, (*known, *replicas))

    def check_times(self, scenario: Scenario) -> None:
        """Faults of steps after the end."""
        for index, step in enumerate(scenario.steps):
            if step.at_s > scenario.duration_s:
                allowed = "a time before the end, which is the duration"
                path, actual = f"steps[{index}].at", f"{step.at_s:g} s"
                self.faults.append(ConfigProblem(path, actual, allowed))


def _unknown_names(
    named: Iterable[tuple[str, str]], known: tuple[str, ...]
) -> Iterator[ConfigProblem]:
    allowed = ", ".join(sorted(known)) or "none: there is no target"
    for path, name in named:
        if name not in known:
            yield ConfigProblem(path, repr(name), allowed)


def _replica_names(document: ScenarioDocument, known: tuple[str, ...]) -> Iterator[str]:
    """The public names of single replicas, where there are several."""
    for name, section in value_or(document.services, {}).items():
        count = value_or(section.replicas, 1)
        if name in known and count > 1:
            yield from (f"{name}-{number}" for number in range(1, count + 1))


def _names_in(key: str, sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    for index, section in enumerate(sections):
        target = value_or(getattr(section, "target", None), None)
        if target is not None:
            yield f"{key}[{index}].target", target


def _ordered_names(
    sections: Sequence[ExpectationSection],
) -> Iterator[tuple[str, str]]:
    for index, section in enumerate(sections):
        for name in value_or(section.order, []):
            yield f"expect[{index}].order", name


def _seconds_or(text: str | UnsetType, default: Default) -> float | Default:
    return default if isinstance(text, UnsetType) else parse_seconds(text)
