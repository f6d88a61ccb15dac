"""States for tests of load balancers."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import EngineStatus, State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import NO_REASON, Reason


def traffic_instance(
    name: str,
    state: TargetState,
    cause: Cause | None = None,
    reason: Reason = NO_REASON,
    number: int = 1,
) -> Instance:
    """One replica."""
    own_id = InstanceId(name, number)
    return Instance(own_id, name, state=state, cause=cause, reason=reason)


def traffic_state(*instances: Instance, listed: bool = True) -> State:
    """A state with these replicas; ``listed``: the engine was asked for them."""
    numbers: dict[str, tuple[int, ...]] = {}
    for one in instances:
        numbers[one.id.target] = (*numbers.get(one.id.target, ()), one.id.number)
    return State(
        Moment(0.0, 0.0),
        targets={name: Target(name) for name in numbers},
        instances=build_table({one.id: one for one in instances}),
        numbers=numbers,
        engine=EngineStatus(listed_mono=1.0 if listed else None),
    )


def replica_state(*states: TargetState) -> State:
    """Replicas payment-1, payment-2 ... of the target payment."""
    return traffic_state(
        *(
            replace(traffic_instance("payment", state, number=n), name=f"payment-{n}")
            for n, state in enumerate(states, 1)
        )
    )
