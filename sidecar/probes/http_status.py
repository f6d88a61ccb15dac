"""The cause of failure for an HTTP status other than the expected one."""

from http import HTTPStatus

from sidecar.core.model.cause import Cause
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.response import HttpResponse

# Electrum's answer, with status 500, to a method that it does not have.
UNKNOWN_METHOD_TEXT = b"Invalid Request"


def status_failure(
    answer: HttpResponse, server_text: str = "", method: str = ""
) -> ProbeFailed:
    """The failure for a status.

    ``server_text`` is the server's own message, ``method`` the one called, if any.
    """
    status = answer.status
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return probe_failed(Cause.AUTH, Reason.of(R.WRONG_PASSWORD, status=status))
    if answer.body.strip() == UNKNOWN_METHOD_TEXT:
        unknown = Reason.of(R.UNKNOWN_METHOD, status=status)
        if method:
            unknown = Reason.of(R.UNKNOWN_METHOD_NAMED, status=status, method=method)
        return probe_failed(Cause.MISCONFIGURED, unknown)
    words = server_text or _phrase(status)
    reason = Reason.of(R.STATUS_OTHER, status=status)
    if words:
        reason = Reason.of(R.STATUS_SAYS, status=status, said=words)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NOT_OURS:
        return probe_failed(Cause.HTTP_5XX, reason, rpc_answers=True)
    return probe_failed(Cause.MISCONFIGURED, reason)


# The server works, and does not support the request.
_NOT_OURS = frozenset({HTTPStatus.NOT_IMPLEMENTED})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
