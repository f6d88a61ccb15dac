"""Gated calls of the engine that a running Sidecar may send."""

from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.app.engine_features import FeaturesInUse
from sidecar.config.load import load
from sidecar.config.settings import Settings
from sidecar.core.model.backup_settings import BackupSettings, RestoreTestSettings
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker_host import Address
from sidecar.engine.features import Feature

LINK = EngineConnection(Address("unix:///nowhere"), lambda *_: None)
STATE = State(started=Moment(0.0, 0.0))
BACKUP = BackupSettings(path=("/data/w",), cron="0 3 * * *")
TESTED = replace(BACKUP, restore_test=RestoreTestSettings())
WALLET = InstanceId("wallet", 1)
COPIES = {Feature.BACKUP, Feature.RESTORE}
REPLACEMENT = {Feature.CREATE, Feature.RECREATE, Feature.CONNECT}


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    file = tmp_path / "sidecar.yaml"
    file.write_text('{"targets": {}}')
    return load({}, file)


def settings_of(plain: Settings, target: Target) -> Settings:
    return replace(plain, targets=(target,))


@pytest.mark.parametrize(
    ("target", "features"),
    [
        (Target("web"), set()),
        (Target("web", recreate=True), REPLACEMENT),
        (Target("wallet", backup=BACKUP), COPIES),
        (
            Target("wallet", backup=TESTED),
            {*COPIES, Feature.CREATE, Feature.RESTORE_TEST},
        ),
    ],
    ids=["plain", "recreate", "backup", "restore_test"],
)
def test_features_are_those_of_the_settings(
    plain: Settings, target: Target, features: set[Feature]
) -> None:
    settings = settings_of(plain, target)
    assert FeaturesInUse(lambda: settings, lambda: STATE, LINK)() == features


def test_half_done_recreate_is_ended_although_the_settings_have_none(
    plain: Settings,
) -> None:
    half_done = Instance(WALLET, "wallet", set_aside="wallet-1.set-aside-by-sidecar")
    state = replace(STATE, instances=build_table({WALLET: half_done}))
    assert FeaturesInUse(lambda: plain, lambda: state, LINK)() == REPLACEMENT


def test_feature_that_a_reload_turns_off_is_in_use_until_the_end(
    plain: Settings,
) -> None:
    """Sidecar must end its work: a container of a restore test must be removed."""
    settings = [settings_of(plain, Target("wallet", backup=TESTED))]
    in_use = FeaturesInUse(lambda: settings[-1], lambda: STATE, LINK)
    before = in_use()
    settings.append(plain)
    assert in_use() == before != frozenset()


def test_features_that_the_connection_has_from_the_start_stay_in_use(
    plain: Settings,
) -> None:
    """A swarm's services are read whatever the targets are."""
    link = EngineConnection(
        Address("unix:///nowhere"),
        lambda *_: None,
        features_in_use=lambda: {Feature.DOCTOR},
    )
    assert FeaturesInUse(lambda: plain, lambda: STATE, link)() == {Feature.DOCTOR}
