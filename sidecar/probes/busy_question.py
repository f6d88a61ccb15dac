"""The question whether a container is busy: by an HTTP address or a command in it."""

from http import HTTPStatus

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.target import BusySettings
from sidecar.core.ports.engine import CommandTimeout
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext, deadline_in
from sidecar.probes.failure import probe_failed
from sidecar.probes.http_client.request import Request

TIMEOUT_S = 5.0
BUSY_EXIT = 75
"""EX_TEMPFAIL of sysexits.h: try again later."""

_BUSY_STATUS = frozenset({HTTPStatus.LOCKED, HTTPStatus.SERVICE_UNAVAILABLE})


async def ask_busy(
    settings: BusySettings, container: Container, tools: ProbeContext
) -> BusyAnswer:
    """Ask at the container's own address, or by a command in it.

    Raises ProbeFailed and EngineError where there is no answer.
    """
    if settings.url is not None:
        return await _ask_by_address(settings.url, container, tools)
    return await _ask_by_command(settings.command, container, tools)


async def _ask_by_address(
    url: str, container: Container, tools: ProbeContext
) -> BusyAnswer:
    """GET the address: 2xx means free, 423 and 503 mean busy."""
    addresses = tools.addresses.locate_url(url, container).addresses
    request = Request("GET", url, addresses=addresses)
    status = (await tools.http.exchange(request, deadline_in(TIMEOUT_S))).status
    reason = Reason.of(R.BUSY_STATUS, status=status)
    if status in _BUSY_STATUS:
        return BusyAnswer(BusyVerdict.BUSY, reason)
    is_free = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    return BusyAnswer(BusyVerdict.FREE if is_free else BusyVerdict.UNCLEAR, reason)


async def _ask_by_command(
    command: tuple[str, ...], container: Container, tools: ProbeContext
) -> BusyAnswer:
    """Run the command: exit status 0 means free, 75 means busy."""
    try:
        result = await tools.engine.execute(container.id, command, TIMEOUT_S)
    except CommandTimeout as error:
        reason = Reason.of(R.COMMAND_TOO_SLOW, seconds=TIMEOUT_S)
        raise probe_failed(Cause.HUNG, reason) from error
    reason = Reason.of(R.BUSY_EXIT, exit_code=result.exit_code)
    if result.exit_code == BUSY_EXIT:
        return BusyAnswer(BusyVerdict.BUSY, reason)
    is_free = result.exit_code == 0
    return BusyAnswer(BusyVerdict.FREE if is_free else BusyVerdict.UNCLEAR, reason)
