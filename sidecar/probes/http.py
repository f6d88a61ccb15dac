"""Does an HTTP address answer as expected?"""

from sidecar.core.container import Container
from sidecar.core.outcome import Cause, Outcome, success
from sidecar.core.target import HttpProbe
from sidecar.probes.exchange import Request
from sidecar.probes.status import status_trouble
from sidecar.probes.tools import Tools, deadline_in
from sidecar.probes.trouble import trouble


async def probe(settings: HttpProbe, container: Container, tools: Tools) -> Outcome:
    """GET the address; redirects are answers, not orders."""
    answer = await tools.http.exchange(
        Request(
            "GET",
            tools.addresses.url(settings.url, container),
            settings.credentials,
            settings.headers,
        ),
        deadline_in(settings.timeout_s),
    )
    if answer.status not in settings.expect_status:
        raise status_trouble(answer)
    if settings.expect_body and settings.expect_body.encode() not in answer.body:
        raise trouble(
            Cause.BAD_BODY, f"{answer.status}: the body lacks the expected text"
        )
    return success()
