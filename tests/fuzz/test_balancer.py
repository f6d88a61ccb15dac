"""Any line at the load balancer's agent, and any reason in its answer."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sidecar.balancer.agent_server import AgentServer
from sidecar.core.model.cause import Cause
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from tests.fuzz.inputs import TEXTS
from tests.support.fakes import FakeClock
from tests.support.traffic_states import traffic_instance, traffic_state

ANSWER = re.compile(rb"(up )?(ready|drain)\n|ready down #[ -~]{1,80}\n|\n")
NAMES = st.sampled_from(["a", "b", "a/1", "a/2", "c", ""])
LINES = (
    st.binary(max_size=300)
    | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.builds(lambda a, b: f"{a} failover={b}".encode(), NAMES, NAMES)
)


@given(
    line=LINES,
    states=st.tuples(*2 * [st.sampled_from(TargetState)]),
    cause=st.none() | st.sampled_from(Cause),
    said=TEXTS,
)
def test_answer_is_one_line_of_the_protocol(
    line: bytes,
    states: tuple[TargetState, TargetState],
    cause: Cause | None,
    said: str,
) -> None:
    state = traffic_state(
        traffic_instance("a", states[0], cause, text_reason(said)),
        traffic_instance("b", states[1]),
    )
    answer = AgentServer(lambda: state, FakeClock()).answer(line)
    assert ANSWER.fullmatch(answer), answer
