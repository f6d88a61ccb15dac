"""Texts of the answers that have a list of values, times and numbers.

The lists are for readers of the schema. A value that is not listed is accepted: a
newer sidecar can send it. ``sidecar/web/openapi/value_lists.py`` has the values, so
that the command line need not load the model.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta

SCHEMAS = "#/components/schemas"
"""Place of the shared schemas in the OpenAPI document."""


def one_of(values: Iterable[str]) -> Meta:
    """The list of a text's values, for the schema alone."""
    return Meta(extra_json_schema={"enum": list(values)})


def _refer_to(name: str) -> Meta:
    """The shared schema of this name, which has the values of the text."""
    return Meta(extra_json_schema={"$ref": f"{SCHEMAS}/{name}"})


Instant = Annotated[
    str,
    Meta(
        description="A time: RFC 3339 in UTC, to the millisecond",
        extra_json_schema={"format": "date-time"},
    ),
]
DURATION: dict[str, Any] = {
    "pattern": (
        "^([1-9][0-9]{0,2}[smh]|([1-9][0-9]?|[12][0-9]{2}|3[0-5][0-9]|36[0-6])d)$"
    ),
    "examples": ["12h", "7d"],
}
"""The schema of a duration. The server also reads other notations, such as 500ms."""

Duration = Annotated[str, Meta(max_length=20, extra_json_schema=DURATION)]
Share = Annotated[float, Meta(description="A share between 0 and 1")]
ReasonCode = Annotated[
    str, Meta(description="What the reason is, for programs; see docs/http-api.md")
]
IncidentStateName = Annotated[str, one_of(("open", "resolved"))]
DrillStepName = Annotated[str, one_of(("began", "ended"))]

BackupTriggerName = Annotated[str, _refer_to("BackupTriggerName")]
EncryptionName = Annotated[str, _refer_to("EncryptionName")]
FindingName = Annotated[str, _refer_to("FindingName")]
ProofWayName = Annotated[str, _refer_to("ProofWayName")]
ActionName = Annotated[str, _refer_to("ActionName")]
CauseName = Annotated[str, _refer_to("CauseName")]
ComparisonName = Annotated[str, _refer_to("ComparisonName")]
ContainerStatusName = Annotated[str, _refer_to("ContainerStatusName")]
DrillOutcomeName = Annotated[str, _refer_to("DrillOutcomeName")]
DrillPhaseName = Annotated[str, _refer_to("DrillPhaseName")]
EntryKindName = Annotated[str, _refer_to("EntryKindName")]
FaultName = Annotated[str, _refer_to("FaultName")]
GuardName = Annotated[str, _refer_to("GuardName")]
IncidentStepName = Annotated[str, _refer_to("IncidentStepName")]
LaneStage = Annotated[str, _refer_to("LaneStage")]
ModeName = Annotated[str, _refer_to("ModeName")]
OutcomeName = Annotated[str, _refer_to("OutcomeName")]
RemedyName = Annotated[str, _refer_to("RemedyName")]
SilenceName = Annotated[str, _refer_to("SilenceName")]
SeverityName = Annotated[str, _refer_to("SeverityName")]
StateName = Annotated[str, _refer_to("StateName")]
TaskOutcomeName = Annotated[str, _refer_to("TaskOutcomeName")]
TaskTypeName = Annotated[str, _refer_to("TaskTypeName")]
TriggerName = Annotated[str, _refer_to("TriggerName")]
VerdictName = Annotated[str, _refer_to("VerdictName")]
WarningName = Annotated[str, _refer_to("WarningName")]
