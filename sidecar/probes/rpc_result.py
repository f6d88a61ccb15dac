"""The result of a JSON-RPC call, or the reason why there is none."""

from http import HTTPStatus
from typing import TypeVar

import msgspec

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import probe_unknown
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.content import ContentUnreadable, unpack
from sidecar.probes.http_client.response import HttpResponse
from sidecar.probes.http_status import status_failure
from sidecar.probes.text import one_line

JSON_TYPES = frozenset({"application/json", "application/json-rpc"})
UNPACKED_LIMIT_BYTES = 1_048_576
"""The limit of a decompressed answer; longer ones are cut, as uncompressed ones are."""
METHOD_NOT_FOUND = -32601
# Parse error, invalid request, no such method, invalid parameters: the error codes
# of JSON-RPC for a request that the server does not support.
NOT_UNDERSTOOD = frozenset({-32700, -32600, METHOD_NOT_FOUND, -32602})

T = TypeVar("T")


class RpcError(msgspec.Struct):
    """The error object of a daemon's answer."""

    code: int | None = None
    message: str = ""


class _Envelope(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | str | None = None


class RpcErrorAnswered(ProbeFailed):
    """The daemon answered with an error of its own, ``error``."""

    def __init__(self, method: str, error: RpcError) -> None:
        message = one_line(error.message)
        not_understood = error.code in NOT_UNDERSTOOD
        cause = Cause.MISCONFIGURED if not_understood else Cause.BAD_BODY
        reason = Reason.of(R.RPC_ERROR_WITHOUT_CODE, method=method, said=message)
        if error.code is not None:
            reason = Reason.of(
                R.RPC_ERROR, method=method, code=error.code, said=message
            )
        super().__init__(probe_failed(cause, reason, rpc_answers=True).outcome)
        self.method = method
        self.error = error


def decode(raw: msgspec.Raw, shape: type[T], method: str) -> T:
    """Parse a result. Raises ProbeFailed(bad_body) if it has another shape."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        problem = str(error)
        raise bad_body(R.OTHER_RESULT, method=method, said=problem) from error


def decompress(answer: HttpResponse, method: str) -> HttpResponse:
    """The answer decompressed. Raises ProbeFailed(unknown)."""
    try:
        return unpack(answer, UNPACKED_LIMIT_BYTES)
    except ContentUnreadable as why:
        reason = Reason.of(R.ANSWER_UNREADABLE, method=method, said=str(why))
        raise ProbeFailed(probe_unknown(Cause.PROBER_FAILED, reason)) from why


def read_result(answer: HttpResponse, method: str) -> msgspec.Raw:
    """The result of a call. Raises ProbeFailed if there is none."""
    if _is_json(answer):
        envelope = _read_envelope(answer, method)
        if envelope.error is not None:
            raise _error_answer(answer, envelope.error, method)
        if answer.status == HTTPStatus.OK:
            return _require_result(envelope.result, method)
    if answer.status != HTTPStatus.OK:
        raise status_failure(answer, method=method)
    raise bad_body(R.NOT_JSON, method=method, kind=answer.content_type)


def _is_json(answer: HttpResponse) -> bool:
    """Is it JSON, by its type or its first byte? Some servers send a wrong type."""
    begins = answer.body.lstrip()[:1] == b"{"
    return answer.content_type in JSON_TYPES or begins


def _error_answer(
    answer: HttpResponse, answered_error: RpcError | str, method: str
) -> ProbeFailed:
    error = (
        RpcError(message=answered_error)
        if isinstance(answered_error, str)
        else answered_error
    )
    if answer.status == HTTPStatus.OK or error.code == METHOD_NOT_FOUND:
        return RpcErrorAnswered(method, error)
    return status_failure(answer, one_line(error.message), method)


def _read_envelope(answer: HttpResponse, method: str) -> _Envelope:
    if answer.cut:
        size = len(answer.body)
        reason = Reason.of(R.ANSWER_TOO_LONG, method=method, size=size)
        raise ProbeFailed(probe_unknown(Cause.PROBER_FAILED, reason))
    try:
        return msgspec.json.decode(answer.body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if answer.status != HTTPStatus.OK:
            raise status_failure(answer, method=method) from error
        problem = str(error)
        raise bad_body(R.NOT_JSON_RPC, method=method, said=problem) from error


def _require_result(result: msgspec.Raw, method: str) -> msgspec.Raw:
    if not bytes(result):
        raise bad_body(R.NEITHER_RESULT_NOR_ERROR, method=method)
    return result


def bad_body(code: R, **parameters: str) -> ProbeFailed:
    """The failure of a method whose answer cannot be used."""
    reason = Reason.of(code, **parameters)
    return probe_failed(Cause.BAD_BODY, reason, rpc_answers=True)
