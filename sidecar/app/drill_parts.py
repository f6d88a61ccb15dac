"""The parts of drills, put together; imported for the first drill."""

from collections.abc import Callable

from sidecar.app.contexts import EngineContext
from sidecar.app.engine_features import FeaturesInUse
from sidecar.core.ports.loop import Clock, Post
from sidecar.core.reason.reason import Reason
from sidecar.drills.drill_tools import DrillTools
from sidecar.drills.runner import DrillRunner
from sidecar.engine.drill_calls import DrillCalls
from sidecar.engine.features import Feature
from sidecar.probes.connection_faults import ConnectionFaults


def build_runner(
    context: EngineContext,
    faults: ConnectionFaults,
    clock: Clock,
    post: Post,
    find_store_fault: Callable[[], Reason],
) -> DrillRunner:
    """The runner; from now on the engine's calls of drills may be sent."""
    features = context.link.features_in_use
    if isinstance(features, FeaturesInUse):
        features.use(Feature.DRILL, Feature.CONNECT)
    is_swarm = Feature.SERVICES in features()
    calls = None if is_swarm else DrillCalls(context.link, context.stack)
    own, mask = context.own.now, context.link.mask
    tools = DrillTools(
        context.engine, calls, faults, own, clock, mask, find_store_fault
    )
    return DrillRunner(tools, post)
