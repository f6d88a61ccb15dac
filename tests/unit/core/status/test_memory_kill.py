"""Kills for lack of memory: the limit, and how soon a new run reaches it."""

from dataclasses import replace

import pytest

from sidecar.core.model.container import Container, RunId
from sidecar.core.model.instance import Instance
from sidecar.core.model.memory import (
    LimitForecast,
    MemoryHistory,
    MemorySample,
    Silence,
)
from sidecar.core.status.memory_kill import describe_memory_kill
from tests.support.rule_world import WALLET, RuleWorld

MIB = 1024 * 1024
GROWTH = LimitForecast(0.0, slope_bytes_per_s=12 * MIB / 3600.0)


def killed_instance(
    forecast: LimitForecast | None, limit_bytes: int = 96 * MIB
) -> tuple[Instance, Container]:
    """An instance whose present run was measured."""
    instance = RuleWorld((WALLET,)).instance(WALLET.name)
    assert instance.container is not None
    container = replace(instance.container, memory_limit_bytes=limit_bytes)
    history = MemoryHistory(
        container.run, "image", 0.0, MemorySample(0.0), 0.0, 300.0, forecast=forecast
    )
    return replace(instance, container=container, memory=history), container


@pytest.mark.parametrize("silence", [None, Silence.FAR])
def test_kill_after_steady_growth_says_when_a_new_run_reaches_the_limit(
    silence: Silence | None,
) -> None:
    instance, container = killed_instance(replace(GROWTH, silence=silence))
    reason = str(describe_memory_kill(instance, container.run))
    assert reason == (
        "the kernel killed it for lack of memory; its memory limit is 96 MiB, its "
        "memory grew by 12.0 MiB an hour, and a new run that grows alike reaches the "
        "limit within 8.0 h"
    )


@pytest.mark.parametrize("silence", sorted(set(Silence) - {Silence.FAR}))
def test_kill_after_other_growth_names_the_limit_alone(silence: Silence) -> None:
    instance, container = killed_instance(replace(GROWTH, silence=silence))
    reason = str(describe_memory_kill(instance, container.run))
    assert reason.endswith("its memory limit is 96 MiB")


def test_growth_of_another_run_is_not_told() -> None:
    instance, container = killed_instance(GROWTH)
    other = RunId(container.id, container.started_at - 1.0)
    assert "grew" not in str(describe_memory_kill(instance, other))
    unmeasured = replace(instance, memory=None)
    assert "grew" not in str(describe_memory_kill(unmeasured, container.run))


def test_kill_without_a_limit_tells_no_growth() -> None:
    instance, container = killed_instance(GROWTH, limit_bytes=0)
    reason = str(describe_memory_kill(instance, container.run))
    assert reason.endswith("it has no memory limit of its own")
