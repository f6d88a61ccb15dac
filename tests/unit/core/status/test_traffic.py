"""The servers of a load balancer that get requests."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Remedy, RemedyPhase
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.lease import ClusterSettings, LeaseStatus, OnLost
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import EngineStatus, State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.core.status import traffic
from sidecar.core.status.traffic import (
    REASON_CHARACTERS,
    START_S,
    UNCHANGED,
    ServerAnswer,
    ServerQuestion,
    find_replicas,
    parse_question,
    takes_traffic,
)
from tests.support.rule_world import RuleWorld
from tests.support.traffic_states import (
    replica_state,
    traffic_instance,
    traffic_state,
)

S = TargetState
UP, STAYS = ServerAnswer(), ServerAnswer(works=None)
FIRST = ServerQuestion("wallet-a", "wallet-b")
NOW = Moment(1.0, 0.0)


def answer_question(
    state: State, question: ServerQuestion, *, is_ending: bool = False
) -> ServerAnswer:
    return traffic.answer_question(state, question, NOW, is_ending=is_ending)


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("payment", ServerQuestion("payment")),
        ("payment/2\r", ServerQuestion("payment/2")),
        ("wallet-a failover=wallet-b", FIRST),
        ("a/1 failover=a/2", ServerQuestion("a/1", "a/2")),
        ("", None),
        ("payment/", None),
        ("payment/1/2", None),
        ("payment 2", None),
        ("payment failover=", None),
        ("payment failover=a b", None),
        ("GET / HTTP/1.1", None),
        ("\u00e9", None),
        ("a" * 121, None),
    ],
)
def test_question_is_a_name_with_or_without_failover(
    line: str, question: ServerQuestion | None
) -> None:
    assert parse_question(line) == question


@pytest.mark.parametrize("name", ["payment/2", "payment/payment-2", "payment-2"])
def test_replica_is_found_by_number_and_by_name(name: str) -> None:
    (replica,) = find_replicas(replica_state(S.HEALTHY, S.HEALTHY), name)
    assert replica.id.number == 2


@pytest.mark.parametrize("state", [s for s in S if s is not S.DRAINING])
def test_server_without_failover_is_up_in_every_state(state: TargetState) -> None:
    answer = answer_question(
        replica_state(state, S.HEALTHY), ServerQuestion("payment/1")
    )
    assert answer == UP


def test_draining_replica_is_drained_until_sidecar_ends() -> None:
    state, question = replica_state(S.DRAINING, S.HEALTHY), ServerQuestion("payment/1")
    assert answer_question(state, question) == ServerAnswer(is_draining=True)
    assert answer_question(state, ServerQuestion("payment/2")) == UP
    assert answer_question(state, question, is_ending=True) == UP


def test_replica_stays_drained_until_it_works_after_its_restart() -> None:
    state = replica_state(S.RECOVERING, S.HEALTHY)
    (restarting,) = find_replicas(state, "payment/1")
    question = ServerQuestion("payment/1")
    assert answer_question(state, question) == UP

    def with_remedy(*, drained: bool) -> State:
        decision = Decision(
            NOW,
            restarting.id,
            "payment-1",
            Action.RESTART,
            Guard.NONE,
            NO_REASON,
            drained=drained,
        )
        remedy = Remedy(decision, RemedyPhase.ACTING, NOW, 60.0, None)
        replicas = {
            **state.instances,
            restarting.id: replace(restarting, remedy=remedy),
        }
        return replace(state, instances=build_table(replicas))

    assert answer_question(with_remedy(drained=True), question).is_draining
    assert answer_question(with_remedy(drained=False), question) == UP


def test_target_is_drained_once_all_its_replicas_are() -> None:
    whole = ServerQuestion("payment")
    assert answer_question(replica_state(S.DRAINING, S.HEALTHY), whole) == UP
    drained = answer_question(replica_state(S.DRAINING), whole)
    assert drained == ServerAnswer(is_draining=True)


def test_draining_wallet_gets_no_new_calls_and_stays_as_it_is() -> None:
    draining = traffic_instance("wallet-a", S.DRAINING)
    state = traffic_state(draining, traffic_instance("wallet-b", S.HEALTHY))
    drained = ServerAnswer(works=None, is_draining=True)
    assert answer_question(state, FIRST) == drained


def test_unknown_server_is_up() -> None:
    state = replica_state(S.HEALTHY)
    for name in ("paymnet", "payment/7", "other/1"):
        assert answer_question(state, ServerQuestion(name)) == UP


@pytest.mark.parametrize(
    ("own", "other", "works"),
    [
        (S.HEALTHY, S.HEALTHY, True),
        (S.DEGRADED, S.HEALTHY, True),
        (S.HEALTHY, S.DOWN, True),
        (S.DOWN, S.HEALTHY, False),
        (S.DOWN, S.DEGRADED, False),
        (S.RECOVERING, S.HEALTHY, False),
        (S.STOPPED, S.HEALTHY, False),
        (S.MISSING, S.HEALTHY, False),
        # Not certain: the server stays as it is.
        (S.FAILING, S.HEALTHY, None),
        (S.STARTING, S.HEALTHY, None),
        (S.UNKNOWN, S.HEALTHY, None),
        (S.DOWN, S.FAILING, None),
        (S.DOWN, S.STARTING, None),
        (S.DOWN, S.UNKNOWN, None),
        # No other one works: the load balancer's own check decides.
        (S.DOWN, S.DOWN, True),
        (S.STARTING, S.CRASH_LOOP, True),
    ],
)
def test_failover_server_is_down_only_if_certain_and_the_other_works(
    own: TargetState, other: TargetState, works: bool | None
) -> None:
    state = traffic_state(
        traffic_instance("wallet-a", own), traffic_instance("wallet-b", other)
    )
    assert answer_question(state, FIRST).works is works


@pytest.mark.parametrize("cause", [Cause.AUTH, Cause.MISCONFIGURED, Cause.DETACHED])
def test_fault_between_sidecar_and_wallet_is_no_reason_to_fail_over(
    cause: Cause,
) -> None:
    down = traffic_instance("wallet-a", S.DOWN, cause)
    state = traffic_state(down, traffic_instance("wallet-b", S.HEALTHY))
    assert answer_question(state, FIRST) == STAYS
    assert takes_traffic(down)


def test_wallet_that_follows_no_server_fails_over() -> None:
    for cause in (Cause.UPSTREAM_LOST, Cause.WALLET_NOT_LOADED, Cause.KILLED_BY_PROBE):
        down = traffic_instance("wallet-a", S.DOWN, cause)
        state = traffic_state(down, traffic_instance("wallet-b", S.HEALTHY))
        assert answer_question(state, FIRST).works is False


def test_name_that_is_not_watched_never_fails_over() -> None:
    alone = traffic_state(traffic_instance("wallet-b", S.HEALTHY))
    assert answer_question(alone, FIRST) == STAYS
    other = traffic_state(traffic_instance("wallet-a", S.DOWN))
    assert answer_question(other, FIRST) == UP


def test_nothing_changes_while_sidecar_starts_for_some_seconds() -> None:
    state = replace(replica_state(S.HEALTHY), engine=EngineStatus())
    late = Moment(NOW.mono + START_S, 0.0)
    for question in (ServerQuestion("payment/1"), ServerQuestion("other"), FIRST):
        assert traffic.answer_question(state, question, NOW) == UNCHANGED
    assert traffic.answer_question(state, ServerQuestion("payment/1"), late) == UP
    assert traffic.answer_question(state, FIRST, late) == STAYS


def test_of_several_watchdogs_only_the_one_that_acts_answers() -> None:
    own = LeaseStatus(ClusterSettings("redis://redis"), "a", asked=True, holder="b")
    question = ServerQuestion("payment/1")
    other_acts = replace(replica_state(S.DRAINING), lease=own)
    assert answer_question(other_acts, question) == UNCHANGED
    assert answer_question(other_acts, question, is_ending=True) == UNCHANGED
    own_lease = replace(own, token=1, until_mono=NOW.mono + 10.0)
    assert answer_question(replace(other_acts, lease=own_lease), question).is_draining
    # It takes back what it said itself, although another one acts now.
    state = replace(replica_state(S.HEALTHY), lease=own)
    assert traffic.answer_question(state, question, NOW, has_drained=True) == UP


@pytest.mark.parametrize("on_lost", OnLost)
@pytest.mark.parametrize(("rank", "answers"), [(0, True), (1, True), (2, False)])
def test_without_redis_the_first_watchdog_answers_whatever_on_lost_says(
    *, on_lost: OnLost, rank: int, answers: bool
) -> None:
    """An answer restarts nothing, and takes a drain back."""
    settings = ClusterSettings("redis://redis", on_lost=on_lost)
    lease = LeaseStatus(settings, "a", lost="connection refused", rank=rank)
    state = replace(replica_state(S.HEALTHY), lease=lease)
    answer = answer_question(state, ServerQuestion("payment"))
    assert answer == (UP if answers else UNCHANGED)


def test_failover_server_stays_as_it_is_while_sidecar_ends() -> None:
    a, b = traffic_instance("wallet-a", S.DOWN), traffic_instance("wallet-b", S.HEALTHY)
    assert answer_question(traffic_state(a, b), FIRST, is_ending=True) == STAYS
    starting = traffic_state(a, b, listed=False)
    assert answer_question(starting, FIRST, is_ending=True) == STAYS


def test_reason_is_public_printable_ascii_and_bounded() -> None:
    for reason, text in (
        (text_reason("words of a daemon\n up ready"), "down: "),
        (Reason.of(R.EXITED, exit_code=137), "down: "),
        (Reason.of(R.ROLL_STOPPED, root="payment-1" * 20), "down: "),
        (NO_REASON, "down"),
    ):
        down = traffic_instance("wallet-a", S.DOWN, Cause.REFUSED, reason)
        state = traffic_state(down, traffic_instance("wallet-b", S.HEALTHY))
        public_reason = answer_question(state, FIRST).reason
        assert public_reason.startswith(text)
        assert public_reason.isascii()
        assert public_reason.isprintable()
        assert len(public_reason) <= REASON_CHARACTERS
        assert "words of a daemon" not in public_reason


def test_two_real_failures_of_a_wallet_change_nothing_and_the_third_fails_over() -> (
    None
):
    world = RuleWorld(targets=(Target("wallet-a"), Target("wallet-b")))
    world.works("wallet-a", "wallet-b")
    world.fails("wallet-a", Cause.REFUSED, times=2)
    assert answer_question(world.state, FIRST) == STAYS
    world.fails("wallet-a", Cause.REFUSED, times=1)
    assert answer_question(world.state, FIRST).works is False
