"""A container that its own HEALTHCHECK judges: the engine counts its start."""

from dataclasses import replace

import pytest

from sidecar.config.convert import build_target as built
from sidecar.config.file.model import (
    Defaults,
    DockerSection,
    HttpSection,
    TargetSection,
)
from sidecar.config.secrets import SecretReader
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import NativeHealth
from sidecar.core.model.decision import Action
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.core.model.target import InstanceId, ProbeSchedule, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import EPOCH, RuleWorld, container

NAME = "web"
NATIVE = DockerSection()
HTTP = HttpSection(url="http://web/")
PLAIN = Target(
    NAME,
    service=NAME,
    probes=(DockerProbe(),),
    cadence=ProbeSchedule(start_period_s=0.0),
)
STARTING = ProbeResult(
    ProbeVerdict.UNKNOWN, reason=text_reason("its own health check is still starting")
)


@pytest.mark.parametrize(
    ("section", "defaults", "start_s"),
    [
        (TargetSection(probe=NATIVE), Defaults(), 0.0),
        (TargetSection(probe=[NATIVE, HTTP]), Defaults(), 60.0),
        (TargetSection(probe=HTTP), Defaults(), 60.0),
        (TargetSection(probe=NATIVE, start_period="20s"), Defaults(), 20.0),
        (TargetSection(probe=NATIVE), Defaults(start_period="30s"), 30.0),
        (TargetSection(), Defaults(), 60.0),
    ],
    ids=["native", "native and http", "http", "said", "said for all", "no probe"],
)
def test_a_native_check_has_no_second_start_period_unless_one_is_said(
    section: TargetSection, defaults: Defaults, start_s: float
) -> None:
    cadence = built(NAME, section, defaults, SecretReader()).cadence
    assert cadence == ProbeSchedule(start_period_s=start_s)


def begun(check_start_s: float = 0.0) -> RuleWorld:
    """A container that has just been started."""
    fresh = container(
        NAME,
        started_at=EPOCH + 999.0,
        health=NativeHealth.STARTING,
        check_start_s=check_start_s,
    )
    return RuleWorld((PLAIN,), containers={InstanceId(NAME, 1): fresh})


def test_what_the_engine_calls_unhealthy_is_restarted_without_further_grace() -> None:
    # Checks every 3 s of which three must fail, after 5 s that do not count.
    world = begun(check_start_s=5.0)
    while world.now_s < 1012.0:
        world.probe(NAME, STARTING)
        world.wait(2.0)
        assert world.instance(NAME).state is TargetState.STARTING
    world.fails(NAME, Cause.ENGINE_UNHEALTHY)
    assert world.acts() == [(NAME, Action.RESTART)]
    assert world.now_s < 1060.0 - PLAIN.restart.stop_timeout_s


def blind_for(world: RuleWorld, seconds: float) -> None:
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(NAME, STARTING)
        world.wait(15.0)


@pytest.mark.parametrize(
    ("check_start_s", "state"),
    [(1800.0, TargetState.STARTING), (0.0, TargetState.UNKNOWN)],
    ids=["it was given half an hour", "it was given no time"],
)
def test_a_long_start_is_one_while_the_check_was_given_the_time(
    check_start_s: float, state: TargetState
) -> None:
    world = begun(check_start_s)
    blind_for(world, 900.0)
    assert world.instance(NAME).state is state
    told = [d.action for d in world.decisions]
    assert told == ([Action.PAGE] if state is TargetState.UNKNOWN else [])
    blind_for(world, 1000.0)
    assert world.instance(NAME).state is TargetState.UNKNOWN


@pytest.mark.parametrize(
    ("probes", "ends_after_s"),
    [(PLAIN.probes, 420.0), ((), 120.0)],
    ids=["its check judges", "its check has no say"],
)
def test_a_restart_is_judged_once_the_checks_own_start_is_over(
    probes: tuple[DockerProbe, ...], ends_after_s: float
) -> None:
    world = begun(check_start_s=300.0)
    world.targets = (replace(PLAIN, probes=probes),)
    world.relist()
    world.fails(NAME, Cause.ENGINE_UNHEALTHY)
    world.acted(NAME)
    began = world.now_s

    def ended() -> list[float]:
        return [t.at.mono for t in world.transitions if isinstance(t, RemedyEnded)]

    while not ended() and world.now_s < began + 1000.0:
        world.probe(NAME, STARTING)
        world.wait(2.0)
    assert ended()[0] - began == pytest.approx(ends_after_s, abs=2.0)
