"""Probe ``memory``: is the container's memory below a share of its limit?"""

import asyncio
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.memory import MemorySample
from sidecar.core.model.probe_result import (
    ProbeResult,
    ProbeVerdict,
    probe_match,
    probe_success,
)
from sidecar.core.model.probe_settings import MemoryProbe
from sidecar.core.ports.engine import EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext

_MIB = 2**20


async def probe(
    settings: MemoryProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Compare the working set with the limit; ask the engine every ``every_s``.

    A failure is measured anew each time: one sample must not count as several. Memory
    that is not measured is no failure, also where the engine does not answer: the
    target's other probes must count all the same.
    """
    now_mono, run = tools.clock.now().mono, container.run
    recent = tools.memory.recent(run, settings.every_s, now_mono)
    if recent is not None:
        return recent
    result = await _measure(settings, container, tools)
    if result.verdict is ProbeVerdict.SUCCESS:
        tools.memory.note(run, replace(result, memory=None), now_mono)
    return result


async def _measure(
    settings: MemoryProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    try:
        async with asyncio.timeout(settings.timeout_s):
            stats = await tools.engine.stats(container.id)
    except TimeoutError:
        return probe_success(reason=Reason.of(R.MEMORY_NOT_MEASURED))
    except EngineError as error:
        reason = Reason.of(R.MEMORY_NOT_MEASURED_FOR, said=str(error))
        return probe_success(reason=reason)
    used_bytes = stats.get("memory_bytes")
    if not used_bytes:
        return probe_success(reason=Reason.of(R.MEMORY_NOT_MEASURED))
    sample = MemorySample(
        used_bytes,
        stats.get("memory_limit_bytes"),
        stats.get("memory_held_bytes"),
        stats.get("memory_anon_bytes"),
    )
    return replace(_judge(settings, sample), memory=sample)


def _judge(settings: MemoryProbe, sample: MemorySample) -> ProbeResult:
    limit_bytes = sample.limit_bytes
    if limit_bytes is None or sample.used_bytes <= settings.over_share * limit_bytes:
        return probe_success()
    reason = Reason.of(
        R.MEMORY_OVER,
        used_mib=sample.used_bytes / _MIB,
        limit_mib=limit_bytes / _MIB,
        percent=100.0 * sample.used_bytes / limit_bytes,
    )
    return probe_match(settings.on_match, Cause.MEMORY_OVER, reason)
