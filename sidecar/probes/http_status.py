"""What an HTTP status other than the expected one means."""

from http import HTTPStatus

from sidecar.core.model.cause import Cause
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.response import HttpResponse

# Electrum's answer, with status 500, to a method that it does not have.
UNKNOWN_METHOD_TEXT = b"Invalid Request"


def status_failure(answer: HttpResponse, said: str = "") -> ProbeFailed:
    """The trouble behind a status; ``said``: the server's own words, if any."""
    status = answer.status
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return probe_failed(Cause.AUTH, f"{status}: wrong user or password")
    if answer.body.strip() == UNKNOWN_METHOD_TEXT:
        return probe_failed(
            Cause.MISCONFIGURED, f"{status}: it does not know the method"
        )
    words = said or _phrase(status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NOT_OURS:
        return probe_failed(Cause.HTTP_5XX, f"{status}: {words}", rpc_answers=True)
    return probe_failed(Cause.MISCONFIGURED, f"{status}: {words}")


# The server works and says that the request does not suit it.
_NOT_OURS = frozenset({HTTPStatus.NOT_IMPLEMENTED})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "not the expected status"
