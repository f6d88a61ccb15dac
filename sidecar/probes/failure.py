"""The exception that ends a probe early with its result."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import ProbeResult, probe_failure
from sidecar.core.reason.reason import Reason


class ProbeFailed(Exception):
    """The probe has ended; ``outcome`` is its result, without secrets."""

    def __init__(self, outcome: ProbeResult) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def probe_failed(
    cause: Cause, reason: Reason, *, path_fault: bool = False, rpc_answers: bool = False
) -> ProbeFailed:
    """The exception for a target that was probed and does not work."""
    return ProbeFailed(
        probe_failure(cause, reason, path_fault=path_fault, rpc_answers=rpc_answers)
    )
