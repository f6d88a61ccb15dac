"""The file of a scenario, for ``sidecar simulate``."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from sidecar.config.file.setting_types import (
    Duration,
    DurationOrZero,
    Name,
    Section,
    Text,
)

Replicas = Annotated[int, Meta(ge=1, le=100)]
Number = Annotated[int, Meta(ge=0, le=100_000)]
ExitCode = Annotated[int, Meta(ge=0, le=255)]


class SimulatedServiceSection(Section, kw_only=True):
    """Behaviour of a target's containers."""

    boot: DurationOrZero | UnsetType = UNSET
    stop: DurationOrZero | UnsetType = UNSET
    replicas: Replicas | UnsetType = UNSET
    restart_policy: Literal["no", "unless-stopped"] | UnsetType = UNSET
    loads_wallet: bool | UnsetType = UNSET


class FailStepSection(Section, tag_field="type", tag="fail", kw_only=True):
    """A target fails, until it was restarted so often, or for a time."""

    at: DurationOrZero
    target: Name
    cause: Text
    restarts: Number | UnsetType = UNSET
    duration: Duration | UnsetType = UNSET
    replica: Replicas | UnsetType = UNSET


class ExitStepSection(Section, tag_field="type", tag="exit", kw_only=True):
    """A container exits by itself."""

    at: DurationOrZero
    target: Name
    code: ExitCode | UnsetType = UNSET
    replica: Replicas | UnsetType = UNSET


class OperatorStepSection(Section, tag_field="type", tag="operator", kw_only=True):
    """An operator acts."""

    at: DurationOrZero
    target: Name
    act: Literal["stop", "start", "restart", "pause", "resume", "recover"]


class EngineLostStepSection(Section, tag_field="type", tag="engine_lost", kw_only=True):
    """The engine does not answer."""

    at: DurationOrZero
    duration: Duration


class BusyStepSection(Section, tag_field="type", tag="busy", kw_only=True):
    """A target says that it is busy."""

    at: DurationOrZero
    target: Name
    duration: Duration


AnyStep = (
    FailStepSection
    | ExitStepSection
    | OperatorStepSection
    | EngineLostStepSection
    | BusyStepSection
)


class ExpectationSection(Section, kw_only=True):
    """Conditions at the end of a scenario."""

    target: Name | UnsetType = UNSET
    restarts: Number | UnsetType = UNSET
    state: Text | UnsetType = UNSET
    unavailable: DurationOrZero | UnsetType = UNSET
    guard: Text | UnsetType = UNSET
    causes: list[Text] | UnsetType = UNSET
    messages: Number | UnsetType = UNSET
    order: list[Name] | UnsetType = UNSET
    no_restart_before: Duration | UnsetType = UNSET
    no_message_before: Duration | UnsetType = UNSET


class ScenarioDocument(Section, kw_only=True):
    """The whole file."""

    duration: Duration
    begin: Text | UnsetType = UNSET
    services: dict[Name, SimulatedServiceSection] | UnsetType = UNSET
    steps: list[AnyStep] | UnsetType = UNSET
    expect: list[ExpectationSection] | UnsetType = UNSET
