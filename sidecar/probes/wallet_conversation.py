"""The calls of one probe to a wallet daemon, in sequence, and their answers.

A call of an earlier probe that is still open comes first: its answer proves that the
daemon lives, even if it is late.
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
"""Enough for about 90,000 addresses."""

T = TypeVar("T")


class WalletConversation:
    """The calls of one probe, until ``deadline`` (the loop's time).

    ``waited_s`` is the time of the slowest answer. The caller holds the daemon's turn.
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
        self._fatal_methods = tools.fatal_calls.methods_to_avoid(
            daemon.place, daemon.run
        )

    async def begin(self) -> None:
        """Wait for the open request, and resolve the daemon's host.

        Raises ProbeFailed. A late error counts as an answer: the probe continues.
        """
        try:
            late = await self.tools.rpc.late_answer(self.daemon, self._deadline)
        except RpcErrorAnswered as error:
            self._note_answer(error.outcome.waited_s)
            late = None
        if late is not None:
            self._note_answer(late.waited_s)
            self._late = late
        self.daemon = await self.tools.rpc.resolve(self.daemon, self._deadline)

    async def result(
        self, method: str, shape: type[T], params: Mapping[str, str] | None = None
    ) -> T:
        """The daemon's result for ``method``.

        Raises ProbeFailed: with THREAD_HELD if the daemon has answered an earlier call
        and is silent now, with KILLED_BY_PROBE if it is known to die of this call.
        """
        late = self._late_result(method)
        if late is not None:
            return decode(late, shape, method)
        if method in self._fatal_methods:
            raise _killed_by_call(method)
        began_s = asyncio.get_running_loop().time()
        try:
            raw = await self.tools.rpc.call(self.daemon, method, self._deadline, params)
        except ProbeFailed as trouble:
            if trouble.outcome.cause is Cause.HUNG and self.has_answered:
                raise _thread_held(method, trouble) from trouble
            raise
        self._note_answer(asyncio.get_running_loop().time() - began_s)
        self.tools.fatal_calls.forget(self.daemon.place, method)
        return decode(raw, shape, method)

    async def count_addresses(self, selector: Mapping[str, str] | None) -> int | None:
        """The number of addresses in the wallet; None: not due, or not known.

        A failed count does not fail the probe: it has its answer already.
        """
        counts, rpc = self.tools.address_counts, self.tools.rpc
        place, run = self.daemon.place, self.daemon.run
        now = self.tools.clock.now().mono
        late = self._late_result(COUNT)
        if late is not None:
            return _count_addresses(late)
        if COUNT in self._fatal_methods or not counts.is_due(place, run, now):
            return None
        began_s, addresses = asyncio.get_running_loop().time(), None
        try:
            raw = await rpc.call(
                self.daemon, COUNT, self._deadline, selector, COUNT_LIMIT_BYTES
            )
            addresses = _count_addresses(raw)
        except ProbeFailed as trouble:
            if trouble.outcome.cause is Cause.RESET:
                raise
        finally:
            took_s = asyncio.get_running_loop().time() - began_s
            counts.note(place, run, addresses, took_s=took_s, now_mono=now)
        return addresses

    def _late_result(self, method: str) -> msgspec.Raw | None:
        """The late answer to this method; None: the call is still to be made."""
        late = self._late
        if late is None or late.method != method:
            return None
        self._late = None
        return late.result

    def _note_answer(self, waited_s: float) -> None:
        self.has_answered = True
        self.waited_s = max(self.waited_s, waited_s)


def _thread_held(method: str, silence: ProbeFailed) -> ProbeFailed:
    waited_s = silence.outcome.waited_s
    reason = Reason.of(R.THREAD_HELD, method=method, seconds=waited_s)
    failure = probe_failure(Cause.THREAD_HELD, reason, rpc_answers=True)
    return ProbeFailed(replace(failure, waited_s=waited_s))


def _killed_by_call(method: str) -> ProbeFailed:
    reason = Reason.of(R.KILLED_BY_CALL, method=method)
    return ProbeFailed(probe_failure(Cause.KILLED_BY_PROBE, reason, rpc_answers=True))


def _count_addresses(raw: msgspec.Raw) -> int | None:
    try:
        return len(msgspec.json.decode(raw, type=list[str]))
    except msgspec.MsgspecError:
        return None
