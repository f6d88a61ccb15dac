"""The wallets that a daemon is to have loaded, and their addresses."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import AckRequested, RecoverRequested, RemedyCallResult
from sidecar.core.model.incident import Incident
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.status import expected_wallets
from sidecar.core.status.current_cause import current_cause, last_reason
from tests.support.rule_world import WALLET, RuleWorld
from tests.unit.core.policy.test_silence_limits import CUT_OFF, LOADED

ROOT = "electron-cash"
ONE, OTHER, THIRD = "/data/one", "/data/other", "/data/third"


def loaded(*paths: str, addresses: int | None = None) -> ProbeResult:
    facts = replace(LOADED, paths=paths, loaded=bool(paths), addresses=addresses)
    if paths:
        return probe_success(wallet=facts)
    cause = Cause.WALLET_NOT_LOADED
    return probe_failure(
        cause, text_reason("no wallet is loaded"), rpc_answers=True, wallet=facts
    )


def cut_off(*paths: str, addresses: int | None = None) -> ProbeResult:
    facts = replace(CUT_OFF, paths=paths, addresses=addresses)
    return probe_failure(
        Cause.UPSTREAM_LOST, text_reason("lost"), rpc_answers=True, wallet=facts
    )


def a_world(*paths: str, target: Target = WALLET) -> RuleWorld:
    """A daemon with these wallets, healthy."""
    world = RuleWorld((target,))
    for _ in range(2):
        world.probe(ROOT, loaded(*paths))
        world.now_s += 2.0
    return world


def dies_and_is_started(world: RuleWorld) -> None:
    world.exits(ROOT, 0)
    world.acted(ROOT)
    world.now_s += 2.0


def told(*paths: str) -> Target:
    probe = ElectronCashProbe("http://electron-cash:7777/", wallet_path=paths)
    return replace(WALLET, probes=(probe,))


# Which to load


def test_the_wallets_that_were_loaded_are_loaded_again_in_their_order() -> None:
    world = a_world(OTHER, ONE)
    dies_and_is_started(world)
    world.probe(ROOT, loaded())
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).wallets == (OTHER, ONE)


def test_nothing_is_named_where_nothing_was_seen_loaded() -> None:
    world = RuleWorld((WALLET,))
    world.probe(ROOT, loaded())
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).wallets == ()


def test_only_what_is_missing_is_loaded() -> None:
    world = a_world(OTHER, ONE)
    dies_and_is_started(world)
    world.probe(ROOT, loaded(ONE))
    assert world.last(ROOT).wallets == (OTHER,)
    assert current_cause(world.instance(ROOT)) is Cause.WALLET_NOT_LOADED
    assert f"the wallet {OTHER} is not loaded" in str(last_reason(world.instance(ROOT)))


def test_a_start_that_lacks_one_of_them_has_not_worked() -> None:
    world = a_world(OTHER, ONE)
    dies_and_is_started(world)
    for _ in range(5):
        world.probe(ROOT, loaded(ONE))
        world.now_s += 2.0
    assert world.instance(ROOT).remedy is not None
    assert world.instance(ROOT).state is TargetState.RECOVERING


def test_what_somebody_closes_is_not_loaded_again() -> None:
    world = a_world(OTHER, ONE)
    world.probe(ROOT, loaded(ONE))
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.HEALTHY
    dies_and_is_started(world)
    world.probe(ROOT, loaded())
    assert world.last(ROOT).wallets == (ONE,)


def test_what_somebody_loads_besides_is_remembered() -> None:
    world = a_world(ONE)
    world.probe(ROOT, loaded(ONE, THIRD))
    dies_and_is_started(world)
    world.probe(ROOT, loaded())
    assert world.last(ROOT).wallets == (ONE, THIRD)


def test_the_settings_come_before_what_was_seen() -> None:
    world = a_world(OTHER, target=told(OTHER))
    world.probe(ROOT, loaded(OTHER, THIRD))
    dies_and_is_started(world)
    world.probe(ROOT, loaded())
    assert world.last(ROOT).wallets == (OTHER,)


def test_a_wallet_of_the_settings_that_somebody_closes_is_loaded_again() -> None:
    world = a_world(OTHER, ONE, target=told(OTHER, ONE))
    world.probe(ROOT, loaded(OTHER))
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).wallets == (ONE,)


def test_with_a_persons_word_what_was_seen_is_forgotten() -> None:
    world = a_world(OTHER, ONE)
    dies_and_is_started(world)
    world.probe(ROOT, loaded(ONE))
    world.send(RecoverRequested(world.now, ROOT))
    world.probe(ROOT, loaded(ONE))
    assert expected_wallets.find_expected(world.instance(ROOT), WALLET) == (ONE,)


def test_recover_keeps_the_memory_of_wallets_while_none_is_loaded() -> None:
    """The file of a wallet was missing and is put back: it is the one to load."""
    world = a_world(OTHER)
    dies_and_is_started(world)
    world.probe(ROOT, loaded())
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    world.send(RecoverRequested(world.now, ROOT))
    world.now_s += 60.0
    world.probe(ROOT, loaded())
    load = world.last(ROOT)
    assert (load.action, load.wallets) == (Action.LOAD_WALLET, (OTHER,))


def test_not_more_are_remembered_than_fifty() -> None:
    world = a_world(*(f"/data/{number}" for number in range(60)))
    assert len(world.instance(ROOT).wallets) == expected_wallets.MOST_WALLETS


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ((ONE,), ONE),
        ((ONE, OTHER, THIRD), f"{ONE}, {OTHER}, {THIRD}"),
        ((ONE, OTHER, THIRD, "/d", "/e"), f"{ONE}, {OTHER}, {THIRD} and 2 more"),
        (("/x" * 200,), ("/x" * 200)[: expected_wallets.SHOWN_CHARACTERS]),
    ],
)
def test_paths_are_named_for_people(paths: tuple[str, ...], said: str) -> None:
    assert expected_wallets.name_paths(paths) == said


def test_no_control_character_of_a_path_reaches_people() -> None:
    assert "\x1b" not in expected_wallets.name_paths(("/data/\x1b[31mred",))


# Their addresses


def incidents(world: RuleWorld) -> list[Incident]:
    found = world.state.incidents.values()
    return [i for i in found if i.cause is Cause.ADDRESSES_LOST]


def counted(world: RuleWorld, *paths: str, addresses: int | None) -> None:
    world.probe(ROOT, cut_off(*paths, addresses=addresses))
    world.now_s += 2.0


def test_fewer_addresses_than_before_are_an_incident_until_a_person_answers() -> None:
    world = a_world(ONE)
    counted(world, ONE, addresses=24)
    dies_and_is_started(world)
    counted(world, ONE, addresses=20)
    (incident,) = incidents(world)
    assert incident.open
    assert incident.severity is Severity.P1
    assert "has 20 addresses and had 24: 4 that" in str(incident.detail)
    for _ in range(5):
        world.probe(ROOT, loaded(ONE, addresses=20))
        world.wait(60.0, 5.0)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert incidents(world)[0].open
    world.send(AckRequested(world.now, incident.id, "ops"))
    assert not incidents(world)[0].open
    counted(world, ONE, addresses=20)
    assert len(incidents(world)) == 1, "it happened once"


def test_a_probe_without_a_count_says_nothing() -> None:
    world = a_world(ONE)
    counted(world, ONE, addresses=24)
    counted(world, ONE, addresses=None)
    assert incidents(world) == []
    counted(world, ONE, addresses=23)
    assert len(incidents(world)) == 1


def test_another_wallet_has_other_addresses() -> None:
    world = a_world(ONE)
    counted(world, ONE, addresses=24)
    counted(world, ONE, OTHER, addresses=20)
    assert incidents(world) == []


def test_what_was_counted_outlives_a_time_with_other_wallets() -> None:
    world = a_world(ONE, OTHER)
    counted(world, ONE, OTHER, addresses=24)
    dies_and_is_started(world)
    counted(world, ONE, addresses=30)
    counted(world, ONE, OTHER, addresses=20)
    assert len(incidents(world)) == 1


def test_more_addresses_are_no_loss() -> None:
    world = a_world(ONE)
    counted(world, ONE, addresses=24)
    counted(world, ONE, addresses=25)
    assert incidents(world) == []
