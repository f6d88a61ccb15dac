"""The backup right before a restart or start: only a damage holds it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import EPOCH
from tests.support.remedy_bench import TARGET, WALLET, Bench

DAMAGE = Reason.of(R.WALLET_FILE_CUT, file="/w", size=3)


class Guard:
    """Answers what it is told to, and notes what was done before."""

    def __init__(self, bench: Bench, damage: Reason | None) -> None:
        self.bench = bench
        self.damage = damage
        self.asked: list[tuple[InstanceId, list[str]]] = []
        self.effect: Callable[[], object] = lambda: None
        """What happens during the backup."""

    async def before_restart(
        self,
        target: Target,
        instance_id: InstanceId,
        container: Container,
    ) -> Reason | None:
        acts = [call for call, _ in self.bench.engine.acts]
        self.asked.append((instance_id, [*self.bench.wallets.calls, *acts]))
        self.effect()
        return self.damage


def run(bench: Bench, action: Action, **changes: object) -> RemedyExecuted:
    """The result of a remedy, in virtual time."""
    return run_virtual(bench.run_action(action, **changes))


def make_guarded_bench(damage: Reason | None, **container: Any) -> tuple[Bench, Guard]:  # noqa: ANN401
    bench = Bench(**container)
    bench.target = replace(TARGET, backup=BackupSettings(("/w",), "0 3 * * *"))
    guard = Guard(bench, damage)
    bench.executor.wallet_guard = guard
    return bench, guard


def test_sound_file_is_backed_up_before_anything_is_sent() -> None:
    bench, guard = make_guarded_bench(None)
    result = run(bench, Action.RESTART)
    assert guard.asked == [(WALLET, [])]
    assert result.result is RemedyCallResult.DONE


@pytest.mark.parametrize(
    ("action", "status"),
    [(Action.RESTART, Status.RUNNING), (Action.START, Status.EXITED)],
)
def test_damaged_file_holds_restart_and_start(action: Action, status: Status) -> None:
    bench, _ = make_guarded_bench(DAMAGE, status=status)
    result = run(bench, action)
    assert result.result is RemedyCallResult.NOT_SENT
    assert "damaged wallet file" in str(result.reason)
    assert (bench.engine.acts, bench.wallets.calls) == ([], [])


def test_forced_restart_of_damaged_file_is_backed_up_and_sent() -> None:
    bench, guard = make_guarded_bench(DAMAGE)
    result = run(bench, Action.RESTART, forced=True)
    assert len(guard.asked) == 1
    assert result.result is RemedyCallResult.DONE


@pytest.mark.parametrize("action", [Action.RESTART, Action.RECREATE])
def test_container_that_was_restarted_during_its_backup_is_left_alone(
    action: Action,
) -> None:
    bench, guard = make_guarded_bench(None)
    guard.effect = lambda: bench.engine.change("c1", started_at=EPOCH + 9.0)
    result = run(bench, action)
    assert result.result is RemedyCallResult.NOT_SENT
    assert result.reason.code is R.RESTARTED_MEANWHILE
    assert bench.engine.acts == []


@pytest.mark.parametrize("action", [Action.LOAD_WALLET, Action.STOP])
def test_other_remedies_need_no_backup(action: Action) -> None:
    bench, guard = make_guarded_bench(DAMAGE)
    run(bench, action)
    assert guard.asked == []


def test_target_without_backups_is_restarted_as_before() -> None:
    bench, guard = make_guarded_bench(DAMAGE)
    bench.target = TARGET
    result = run(bench, Action.RESTART)
    assert (guard.asked, result.result) == ([], RemedyCallResult.DONE)
