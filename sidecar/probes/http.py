"""Does an HTTP address answer as expected?"""

import asyncio

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_success, probe_unknown
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.text.printable import mark_unprintable
from sidecar.probes.content import CannotBeJudged, has_text
from sidecar.probes.exchange import Request
from sidecar.probes.response import BODY_LIMIT_BYTES, Answer
from sidecar.probes.status import status_trouble
from sidecar.probes.text import brief
from sidecar.probes.tools import Tools, deadline_in
from sidecar.probes.trouble import Trouble, trouble

_FIRST_ERROR = 400


async def probe(settings: HttpProbe, container: Container, tools: Tools) -> ProbeResult:
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
        raise trouble(
            Cause.BAD_BODY, f"{answer.status}: the body lacks the expected text"
        )
    return probe_success()


def _of_status(answer: Answer, settings: HttpProbe) -> Trouble:
    """A status of success or redirection is another than meant, and no fault."""
    if answer.status >= _FIRST_ERROR:
        return status_trouble(answer)
    allowed = ", ".join(map(str, settings.expect_status))
    expected = f"expect_status has only {allowed}"
    said = brief(answer.headers.get(b"location", b"").decode("latin-1"))
    if said:
        where = mark_unprintable(said)
        said = f"{answer.status}: it redirects to {where}; {expected}"
        return trouble(Cause.MISCONFIGURED, said)
    return trouble(Cause.MISCONFIGURED, f"{answer.status}: {expected}")


async def _has(answer: Answer, text: str, limit_bytes: int) -> bool:
    """Trouble(unknown) where it cannot be judged."""
    is_small = len(answer.body) <= BODY_LIMIT_BYTES
    try:
        if is_small and b"content-encoding" not in answer.headers:
            return has_text(answer, text, limit_bytes)
        # Not on the loop: what is compressed or long takes some milliseconds.
        return await asyncio.to_thread(has_text, answer, text, limit_bytes)
    except CannotBeJudged as why:
        said = f"{answer.status}: the body cannot be judged: {why}"
        raise Trouble(probe_unknown(Cause.PROBER_FAILED, said)) from why
