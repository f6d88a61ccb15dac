"""Causes of failed requests: what a timeout or an error says about the target."""

import errno
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

from sidecar.core.model.cause import Cause
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.connect import Attempts
from sidecar.probes.http_client.request import Endpoint
from sidecar.probes.http_client.response import (
    ConnectionClosedEarly,
    NotHttp,
)
from sidecar.probes.http_client.tls import tls_failure

_RESETS = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


class RequestStage(StrEnum):
    """The stages of a request."""

    RESOLVING = "resolving"
    CONNECTING = "connecting"
    WAITING = "waiting"


@dataclass(slots=True)
class RequestProgress:
    """The stage that a request has reached: it determines the cause of a timeout."""

    step: RequestStage = RequestStage.RESOLVING
    attempts: Attempts = field(default_factory=Attempts)


def raise_silence(
    progress: RequestProgress, address: Endpoint, seconds: float
) -> NoReturn:
    """Raise ProbeFailed with the cause that a timeout at this stage means."""
    place = progress.attempts.of(address.place)
    match progress.step:
        case RequestStage.RESOLVING:
            raise probe_failed(
                Cause.DETACHED,
                Reason.of(R.NAME_NOT_RESOLVED_IN_TIME, place=place, seconds=seconds),
                path_fault=True,
            )
        case RequestStage.CONNECTING:
            raise probe_failed(
                Cause.HUNG,
                Reason.of(R.NOT_ACCEPTED, place=place, seconds=seconds),
                path_fault=True,
            )
        case RequestStage.WAITING:
            raise probe_failed(
                Cause.HUNG, Reason.of(R.NO_ANSWER, place=place, seconds=seconds)
            )


def translate_error(error: Exception, place: str) -> ProbeFailed | None:
    """The failure of the target that an error means.

    None if the error says nothing about the target (too many open files, no memory):
    the probe's verdict is then UNKNOWN.
    """
    match error:
        case NotHttp():
            return probe_failed(Cause.BAD_BODY, Reason.of(R.NOT_HTTP, place=place))
        case ConnectionClosedEarly():
            return probe_failed(Cause.RESET, Reason.of(R.CLOSED_EARLY, place=place))
        case socket.gaierror():
            return probe_failed(
                Cause.DETACHED,
                Reason.of(R.NAME_NOT_RESOLVED, place=place),
                path_fault=True,
            )
        case ssl.SSLError():
            return tls_failure(error, place)
        case OSError():
            return socket_failure(error, place)
        case _:
            return None


def socket_failure(error: OSError, place: str) -> ProbeFailed | None:
    """The failure of the target that a socket's error means; None if unrelated."""
    number = error.errno
    if number in _RESETS:
        return probe_failed(Cause.RESET, Reason.of(R.CLOSED_EARLY, place=place))
    if number == errno.ETIMEDOUT:
        return probe_failed(
            Cause.HUNG, Reason.of(R.ACCEPTS_NOTHING, place=place), path_fault=True
        )
    if number in _NO_WAY:
        return probe_failed(
            Cause.DETACHED, Reason.of(R.NO_ROUTE, place=place), path_fault=True
        )
    if number == errno.ECONNREFUSED:
        return probe_failed(Cause.REFUSED, Reason.of(R.CONNECTION_REFUSED, place=place))
    return None
