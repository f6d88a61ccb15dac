"""Probe ``http``: does an HTTP address answer as expected?"""

import asyncio

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_success, probe_unknown
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.text.printable import mark_unprintable
from sidecar.probes.context import ProbeContext, deadline_in
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.content import ContentUnreadable, has_text
from sidecar.probes.http_client.request import Request
from sidecar.probes.http_client.response import BODY_LIMIT_BYTES, HttpResponse
from sidecar.probes.http_status import status_failure
from sidecar.probes.text import one_line

_FIRST_ERROR = 400


async def probe(
    settings: HttpProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """GET the address; a redirect is an answer and is not followed."""
    limit_bytes = settings.max_body_bytes if settings.expect_body else BODY_LIMIT_BYTES
    answer = await tools.http.exchange(
        Request(
            "GET",
            settings.url,
            settings.credentials,
            settings.headers,
            addresses=tools.addresses.locate_url(settings.url, container).addresses,
            body_limit_bytes=limit_bytes,
            ca_file=settings.ca_file,
        ),
        deadline_in(settings.timeout_s),
    )
    if answer.status not in settings.expect_status:
        raise _status_failure(answer, settings)
    if settings.expect_body and not await _has_text(
        answer, settings.expect_body, limit_bytes
    ):
        raise probe_failed(
            Cause.BAD_BODY, Reason.of(R.BODY_LACKS_TEXT, status=answer.status)
        )
    return probe_success()


def _status_failure(answer: HttpResponse, settings: HttpProbe) -> ProbeFailed:
    """The failure for an unexpected status.

    An unexpected success or redirect is a wrong configuration, not an error of the
    target.
    """
    if answer.status >= _FIRST_ERROR:
        return status_failure(answer)
    allowed = ", ".join(map(str, settings.expect_status))
    location = one_line(answer.headers.get(b"location", b"").decode("latin-1"))
    if location:
        where = mark_unprintable(location)
        reason = Reason.of(
            R.REDIRECTED, status=answer.status, place=where, expected=allowed
        )
        return probe_failed(Cause.MISCONFIGURED, reason)
    reason = Reason.of(R.STATUS_NOT_EXPECTED, status=answer.status, expected=allowed)
    return probe_failed(Cause.MISCONFIGURED, reason)


async def _has_text(answer: HttpResponse, text: str, limit_bytes: int) -> bool:
    """Is the text in the answer's body? Raises ProbeFailed(unknown) if not readable."""
    is_small = len(answer.body) <= BODY_LIMIT_BYTES
    try:
        if is_small and b"content-encoding" not in answer.headers:
            return has_text(answer, text, limit_bytes)
        # In a thread: a compressed or long body takes some milliseconds.
        return await asyncio.to_thread(has_text, answer, text, limit_bytes)
    except ContentUnreadable as why:
        reason = Reason.of(R.BODY_UNREADABLE, status=answer.status, said=str(why))
        raise ProbeFailed(probe_unknown(Cause.PROBER_FAILED, reason)) from why
