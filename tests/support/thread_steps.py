"""Record of the work that a test's loop gives to threads."""

import asyncio

from sidecar.simulation.virtual_time import VirtualTimeLoop


def record_thread_steps() -> list[str]:
    """List that grows by ``begin`` and ``end`` for each work given to a thread.

    To be called in a coroutine of ``run_virtual``.
    """
    steps: list[str] = []

    def allow(step: str) -> bool:
        steps.append(step)
        return True

    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.allows_work = allow
    return steps
