"""Changes that one step of the loop made, for records, logs and metrics."""

from dataclasses import dataclass
from enum import StrEnum

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import Balance
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A target went from one state to another."""

    at: Moment
    instance: InstanceId
    name: str
    old: TargetState
    new: TargetState
    cause: Cause | None
    reason: Reason
    incident: str | None


class RemedyOutcome(StrEnum):
    """Outcome of a remedy, verification included."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RemedyEnded:
    """A remedy ended; ``seconds`` counts from the decision.

    ``recovery_s``: from the first failure to healthy, None unless recovered.
    """

    at: Moment
    instance: InstanceId
    name: str
    action: Action
    trigger: Trigger
    cause: Cause | None
    outcome: RemedyOutcome
    reason: Reason
    seconds: float
    recovery_s: float | None
    incident: str | None


class Comparison(StrEnum):
    """Comparison of a wallet's balance after a remedy with the balance before."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class BalanceCompared:
    """A wallet's last balance before a remedy and the first seen after it.

    None: not known. Amounts are private: ``reason`` has none. The numbers of addresses
    are compared as well: lost addresses do not change the balance.
    """

    at: Moment
    instance: InstanceId
    name: str
    before: Balance | None
    after: Balance | None
    incident: str | None
    addresses_before: int | None = None
    addresses_after: int | None = None

    @property
    def comparison(self) -> Comparison:
        """Result of the comparison."""
        if self.before is None or self.after is None:
            return Comparison.NOT_KNOWN
        same = self.before == self.after
        return Comparison.SAME if same else Comparison.DIFFERENT

    @property
    def addresses_lost(self) -> int:
        """Number of lost addresses; 0 where that is not known."""
        before, after = self.addresses_before, self.addresses_after
        return max(0, before - after) if before is not None and after is not None else 0

    @property
    def reason(self) -> Reason:
        """The comparison as a reason."""
        if self.addresses_lost:
            return Reason.of(
                R.ADDRESSES_FEWER,
                reason=self._balance_reason,
                count=self.addresses_lost,
            )
        return self._balance_reason

    @property
    def _balance_reason(self) -> Reason:
        if self.after is None:
            return Reason.of(R.BALANCE_UNKNOWN_AFTER)
        if self.before is None:
            return Reason.of(R.BALANCE_UNKNOWN_BEFORE)
        same = self.comparison is Comparison.SAME
        return Reason.of(R.BALANCE_SAME if same else R.BALANCE_DIFFERENT)


class IncidentStep(StrEnum):
    """Kind of change of an incident."""

    OPENED = "opened"
    AFFECTED = "affected"
    RAISED = "raised"
    ESCALATED = "escalated"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    REOPENED = "reopened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """An incident changed; ``step`` says how."""

    at: Moment
    incident: str
    step: IncidentStep
    target: str
    reason: Reason


Transition = StateChanged | RemedyEnded | BalanceCompared | IncidentChanged
