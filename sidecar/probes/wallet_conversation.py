"""What one probe says to a wallet daemon, one call after the other, and what it hears.

A call that an earlier probe made and that is still not answered is waited for first:
its answer is proof of life, however late it comes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import msgspec

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext
from sidecar.probes.failure import ProbeFailed
from sidecar.probes.jsonrpc_client import LateAnswer, RpcEndpoint
from sidecar.probes.rpc_result import RpcErrorAnswered, decode

COUNT = "listaddresses"
COUNT_LIMIT_BYTES = 4 * 1024 * 1024
"""Some 90,000 addresses."""

T = TypeVar("T")


class WalletConversation:
    """The calls of one probe, until ``deadline`` (the loop's time).

    ``waited_s`` is how long the slowest answer took. The caller holds the daemon's
    turn.
    """

    def __init__(
        self, tools: ProbeContext, daemon: RpcEndpoint, deadline: float
    ) -> None:
        self.tools = tools
        self.daemon = daemon
        self.waited_s = 0.0
        self.has_answered = False
        self._deadline = deadline
        self._late: LateAnswer | None = None
        self._avoided = tools.fatal_calls.avoided(daemon.place, daemon.run)

    async def begin(self) -> None:
        """Wait for what is still open, and find the daemon. Trouble.

        An error that the daemon answers late is an answer: the probe goes on.
        """
        try:
            late = await self.tools.rpc.late_answer(self.daemon, self._deadline)
        except RpcErrorAnswered as error:
            self._heard(error.outcome.waited_s)
            late = None
        if late is not None:
            self._heard(late.waited_s)
            self._late = late
        self.daemon = await self.tools.rpc.found(self.daemon, self._deadline)

    async def result(
        self, method: str, shape: type[T], params: Mapping[str, str] | None = None
    ) -> T:
        """The daemon's result. Trouble: THREAD_HELD where it is silent after having
        answered, KILLED_BY_PROBE where it is known to die of this call.
        """
        late = self._late_result(method)
        if late is not None:
            return decode(late, shape, method)
        if method in self._avoided:
            raise _killed_by_call(method)
        began_s = asyncio.get_running_loop().time()
        try:
            raw = await self.tools.rpc.call(self.daemon, method, self._deadline, params)
        except ProbeFailed as trouble:
            if trouble.outcome.cause is Cause.HUNG and self.has_answered:
                raise self._held(method, trouble) from trouble
            raise
        self._heard(asyncio.get_running_loop().time() - began_s)
        self.tools.fatal_calls.forget(self.daemon.place, method)
        return decode(raw, shape, method)

    async def count_addresses(self, selector: Mapping[str, str] | None) -> int | None:
        """How many addresses the wallet has; None: it is not time, or not known.

        It is worth no failure: the probe has its answer without it.
        """
        counts, rpc = self.tools.address_counts, self.tools.rpc
        place, run = self.daemon.place, self.daemon.run
        now = self.tools.clock.now().mono
        late = self._late_result(COUNT)
        if late is not None:
            return _count_addresses(late)
        if COUNT in self._avoided or not counts.is_due(place, run, now):
            return None
        began_s = asyncio.get_running_loop().time()
        try:
            raw = await rpc.call(
                self.daemon, COUNT, self._deadline, selector, COUNT_LIMIT_BYTES
            )
        except ProbeFailed as trouble:
            if trouble.outcome.cause is Cause.RESET:
                raise
            return None
        finally:
            took_s = asyncio.get_running_loop().time() - began_s
            counts.note(place, run, took_s=took_s, now_mono=now)
        return _count_addresses(raw)

    def _late_result(self, method: str) -> msgspec.Raw | None:
        """What this call was answered late; None: it is still to be made."""
        late = self._late
        if late is None or late.method != method:
            return None
        self._late = None
        return late.result

    def _heard(self, waited_s: float) -> None:
        self.has_answered = True
        self.waited_s = max(self.waited_s, waited_s)

    def _held(self, method: str, silence: ProbeFailed) -> ProbeFailed:
        reason = Reason.of(
            R.THREAD_HELD, method=method, seconds=silence.outcome.waited_s
        )
        held = probe_failure(Cause.THREAD_HELD, reason, rpc_answers=True)
        return ProbeFailed(replace(held, waited_s=silence.outcome.waited_s))


def _killed_by_call(method: str) -> ProbeFailed:
    reason = Reason.of(R.KILLED_BY_CALL, method=method)
    return ProbeFailed(probe_failure(Cause.KILLED_BY_PROBE, reason, rpc_answers=True))


def _count_addresses(raw: msgspec.Raw) -> int | None:
    try:
        return len(msgspec.json.decode(raw, type=list[str]))
    except msgspec.MsgspecError:
        return None
