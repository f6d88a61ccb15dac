"""The values of the texts that have a list of values, by the name of the schema."""

from collections.abc import Iterable

from sidecar.core.backup.finding import FindingCode
from sidecar.core.backup.record import BackupTrigger, Encryption, ProofWay
from sidecar.core.model.cause import Cause, RemedyKind, Severity
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.drill import DrillOutcome, DrillPhase
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.guard import Guard
from sidecar.core.model.journal_entry import EntryKind
from sidecar.core.model.lane import LaneName
from sidecar.core.model.maintenance_task import TaskKind, TaskOutcome
from sidecar.core.model.memory import Silence
from sidecar.core.model.probe_result import ProbeVerdict, ProbeWarning
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import Comparison, IncidentStep, RemedyOutcome

VALUE_LISTS: dict[str, Iterable[str]] = {
    "ActionName": Action,
    "BackupTriggerName": BackupTrigger,
    "CauseName": Cause,
    "ComparisonName": Comparison,
    "ContainerStatusName": Status,
    "DrillOutcomeName": DrillOutcome,
    "DrillPhaseName": DrillPhase,
    "EncryptionName": Encryption,
    "EntryKindName": EntryKind,
    "FaultName": DrillFault,
    "FindingName": FindingCode,
    "GuardName": Guard,
    "IncidentStepName": IncidentStep,
    "LaneStage": LaneName,
    "ModeName": Mode,
    "OutcomeName": RemedyOutcome,
    "ProofWayName": ProofWay,
    "RemedyName": RemedyKind,
    "SeverityName": Severity,
    "SilenceName": Silence,
    "StateName": TargetState,
    "TaskOutcomeName": TaskOutcome,
    "TaskTypeName": TaskKind,
    "TriggerName": Trigger,
    "VerdictName": ProbeVerdict,
    "WarningName": ProbeWarning,
}
