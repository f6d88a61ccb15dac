"""Does an HTTP address answer as expected?"""

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
from sidecar.probes.text import brief

_FIRST_ERROR = 400


async def probe(
    settings: HttpProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """GET the address; redirects are answers, not orders."""
    limit_bytes = settings.max_body_bytes if settings.expect_body else BODY_LIMIT_BYTES
    answer = await tools.http.exchange(
        Request(
            "GET",
            settings.url,
            settings.credentials,
            settings.headers,
            found=tools.addresses.url(settings.url, container).found,
            body_limit_bytes=limit_bytes,
            ca_file=settings.ca_file,
        ),
        deadline_in(settings.timeout_s),
    )
    if answer.status not in settings.expect_status:
        raise _of_status(answer, settings)
    if settings.expect_body and not await _has(
        answer, settings.expect_body, limit_bytes
    ):
        raise probe_failed(
            Cause.BAD_BODY, Reason.of(R.BODY_LACKS_TEXT, status=answer.status)
        )
    return probe_success()


def _of_status(answer: HttpResponse, settings: HttpProbe) -> ProbeFailed:
    """A status of success or redirection is another than meant, and no fault."""
    if answer.status >= _FIRST_ERROR:
        return status_failure(answer)
    allowed = ", ".join(map(str, settings.expect_status))
    said = brief(answer.headers.get(b"location", b"").decode("latin-1"))
    if said:
        where = mark_unprintable(said)
        reason = Reason.of(
            R.REDIRECTED, status=answer.status, place=where, expected=allowed
        )
        return probe_failed(Cause.MISCONFIGURED, reason)
    reason = Reason.of(R.STATUS_NOT_EXPECTED, status=answer.status, expected=allowed)
    return probe_failed(Cause.MISCONFIGURED, reason)


async def _has(answer: HttpResponse, text: str, limit_bytes: int) -> bool:
    """Trouble(unknown) where it cannot be judged."""
    is_small = len(answer.body) <= BODY_LIMIT_BYTES
    try:
        if is_small and b"content-encoding" not in answer.headers:
            return has_text(answer, text, limit_bytes)
        # Not on the loop: what is compressed or long takes some milliseconds.
        return await asyncio.to_thread(has_text, answer, text, limit_bytes)
    except ContentUnreadable as why:
        said = Reason.of(R.BODY_UNREADABLE, status=answer.status, said=str(why))
        raise ProbeFailed(probe_unknown(Cause.PROBER_FAILED, said)) from why
