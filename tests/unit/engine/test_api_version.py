"""API version by engine, and engines that are only observed."""

import msgspec
import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import EngineReachabilityChanged
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import Mode
from sidecar.core.ports.engine import EngineRefused
from sidecar.engine.api_version import NEWEST_API, ApiAgreement, agree_on_version
from sidecar.engine.podman import recognize
from tests.support.notification_recipients import Notifier
from tests.support.rule_world import WALLET, RuleWorld

DOCKER = [{"Name": "Engine"}, {"Name": "containerd"}, {"Name": "runc"}]
PODMAN = [{"Name": "Podman Engine", "Version": "5.4.2"}, {"Name": "Conmon"}]
OLD_PODMAN = [{"Name": "Podman Engine", "Version": "3.4.4"}]


@pytest.mark.parametrize(
    ("own", "least", "expected"),
    [
        ("1.41", "1.12", "1.41"),
        ("1.45", "1.24", "1.45"),
        ("1.52", "1.44", NEWEST_API),
        ("1.52", "", NEWEST_API),
        ("1.60", "1.50", "1.50"),
    ],
)
def test_the_version_is_the_engines_up_to_the_newest_tested(
    own: str, least: str, expected: str
) -> None:
    answer = {"ApiVersion": own, "MinAPIVersion": least, "Components": DOCKER}
    assert agree_on_version(answer) == ApiAgreement(expected, "")


def test_an_engine_too_old_is_refused() -> None:
    with pytest.raises(EngineRefused, match=r"API 1\.40"):
        agree_on_version({"ApiVersion": "1.40"})


@pytest.mark.parametrize("answer", [{}, {"ApiVersion": 1}, [], None])
def test_malformed_version_answer_is_refused(answer: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        agree_on_version(answer)


@pytest.mark.parametrize(
    ("components", "other"),
    [
        (DOCKER, ""),
        (None, ""),
        ([], ""),
        (PODMAN, ""),
        (OLD_PODMAN, "Podman Engine 3.4.4"),
        ([{"Name": "nerd\x1bctl"}], "nerd?ctl"),
    ],
)
def test_engine_that_is_not_supported_is_named(components: object, other: str) -> None:
    answer = {"ApiVersion": "1.41", "Components": components}
    assert agree_on_version(answer).other == other


@pytest.mark.parametrize(
    ("name", "version", "tells_stops"),
    [
        ("Podman Engine", "4.2.9", None),
        ("Podman Engine", "4.3.1", False),
        ("Podman Engine", "4.6.2", False),
        ("Podman Engine", "4.7.0", True),
        ("Podman Engine", "5.4.2", True),
        ("Podman Engine", "5.10.0-dev", True),
        ("Podman Engine", "6.0.0", None),
        ("Podman Engine", "next", None),
        ("Podman Engine", "", None),
        ("Podman", "5.4.2", None),
    ],
)
def test_podman_is_supported_by_name_and_version(
    name: str, version: str, tells_stops: bool | None
) -> None:
    podman = recognize(name, version)
    assert (podman.tells_stops if podman is not None else None) is tells_stops


def test_docker_with_a_part_named_podman_is_docker() -> None:
    answer = {"ApiVersion": "1.45", "Components": [*PODMAN, *DOCKER]}
    assert agree_on_version(answer) == ApiAgreement("1.45", "")


def test_other_engine_is_only_observed_and_the_reason_names_it() -> None:
    world = RuleWorld()
    world.works("electron-cash", "bitcoincash-service")
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, other="Podman Engine")
    )
    assert world.state.mode_in_force is Mode.OBSERVE
    world.fails(WALLET.name, Cause.REFUSED)
    last = world.decisions[-1]
    assert (last.action, last.guard) == (Action.HOLD, Guard.OBSERVE)
    assert str(last.reason).endswith(
        "Podman Engine is no supported engine, only observed: it would now restart"
    )
    acts = {Action.RESTART, Action.START, Action.LOAD_WALLET}
    assert not acts & {decision.action for decision in world.decisions}


def test_lost_engine_keeps_its_mode_until_it_returns() -> None:
    world = RuleWorld()
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, other="Podman Engine")
    )
    modes = []
    for reachable in (False, True):
        world.send(
            EngineReachabilityChanged(world.now, reachable=reachable, reason="as it is")
        )
        modes.append(world.state.mode_in_force)
    assert modes == [Mode.OBSERVE, Mode.ACT]


def test_message_says_that_sidecar_only_observes() -> None:
    notifier = Notifier(("ops",))
    notifier.world.send(
        EngineReachabilityChanged(
            notifier.world.now, reachable=True, other="Podman Engine"
        )
    )
    notifier.world.fails(WALLET.name, Cause.REFUSED)
    assert {message.facts["mode"] for message in notifier.new_messages()} == {"observe"}
