"""Check right before a remedy: is the container still as the decision assumes?"""

from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.engine import ContainerGone, Engine, EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.remedies.engine_call import AT_REST, REMOVED
from sidecar.remedies.remedy_context import RemedyExecution


async def check_container(
    engine: Engine, decision: Decision, container: Container
) -> Container | RemedyExecution:
    """The container as it is now, or a NOT_SENT result if it must be left alone."""
    try:
        fresh = await engine.inspect(container.id)
    except ContainerGone:
        return _not_sent(REMOVED, None)
    except EngineError as error:
        return _not_sent(Reason.of(R.ENGINE_NOT_ASKED, said=str(error)), None)
    objection = _objection(decision, decision.run or container.run, fresh)
    return _not_sent(objection, fresh) if objection else fresh


def _objection(decision: Decision, judged_run: object, fresh: Container) -> Reason:
    if decision.settles:
        return NO_REASON
    if fresh.run != judged_run:
        return Reason.of(R.RESTARTED_MEANWHILE)
    if decision.action is Action.START and fresh.status in AT_REST:
        return NO_REASON
    if decision.action is not Action.START and fresh.status is Status.RUNNING:
        return NO_REASON
    return Reason.of(R.CONTAINER_IS_NOW, status=fresh.status)


def _not_sent(reason: Reason, fresh: Container | None) -> RemedyExecution:
    return RemedyExecution(RemedyCallResult.NOT_SENT, reason, fresh)
