"""Errors of the SDK and the layers under it, translated to our own."""

import re
import ssl
from collections.abc import Callable, Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3
from docker.errors import DockerException

from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.core.text.printable import mark_unprintable
from sidecar.engine.calls import name_call
from sidecar.engine.tls_hints import find_tls_hint

_LONGEST = 300

_FORBIDDEN = frozenset(
    {
        requests.codes.unauthorized,
        requests.codes.forbidden,
        requests.codes.method_not_allowed,
    }
)
"""Statuses of filters and of the engine's authorization that forbid a call."""

Mask = Callable[[str], str]
"""Removes secrets and unprintable characters from a text."""


class _EngineAnswer(msgspec.Struct):
    """The engine's error."""

    message: str


class CouldNotConnect(EngineUnreachable):
    """No connection was made: a retry at once may help."""


class SentTooLate(EngineUnreachable):
    """The deadline passed before a request was sent: nothing is said of the engine."""


class NotFound(EngineRefused):
    """Something other than the requested container does not exist."""


class CallNotListed(EngineForbidden):
    """Sidecar refused its own call: it is not on the list, or its feature is off."""


class ConnectionBroke(EngineTimeout):
    """The connection broke before the answer was complete."""


TRANSLATED_ERRORS = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    msgspec.DecodeError,
    OSError,
    # Raised by the SDK and by us on an invalid answer.
    ArithmeticError,
    RecursionError,
    LookupError,
    TypeError,
    ValueError,
)

_NOT_CONNECTED = (
    requests.ConnectTimeout,
    requests.exceptions.SSLError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    # The connection to a UNIX socket is not made by urllib3.
    ConnectionRefusedError,
    FileNotFoundError,
    PermissionError,
    NotADirectoryError,
    BlockingIOError,
)
_TLS_ERRORS = (ssl.SSLError, urllib3.exceptions.SSLError, requests.exceptions.SSLError)
_GATEWAY = frozenset(
    {
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_ASKED_ABOUT = re.compile(r"/containers/([^/?]+)")
_NO_ANSWER = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
_BROKE = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


def engine_error(error: Exception, mask: Mask = str) -> EngineError:
    """The EngineError for an error, with a text for a log line.

    ``mask`` is applied to foreign text before it is cut.
    """
    if isinstance(error, EngineError):
        return error
    not_json = isinstance(error, requests.exceptions.JSONDecodeError)
    if isinstance(error, _BROKE) and not not_json:
        return _connection_error(error, mask)
    return EngineRefused(
        f"the engine's answer was not understood: {type(error).__name__}: "
        f"{one_line(error, mask)}"
    )


def _connection_error(error: Exception, mask: Mask) -> EngineError:
    causes = tuple(_causes(error))
    if any(isinstance(cause, _NO_ANSWER) for cause in causes):
        return EngineTimeout("the engine took the request and gave no answer in time")
    if any(isinstance(cause, _NOT_CONNECTED) for cause in causes):
        why = f"{one_line(causes[-1], mask)}{_hint(causes[-1])}"
        return CouldNotConnect(f"no connection to the engine: {why}")
    return ConnectionBroke(
        f"the connection to the engine broke: {one_line(causes[-1], mask)}"
    )


def _hint(cause: BaseException) -> str:
    if isinstance(cause, PermissionError):
        return " (Sidecar must be in the group of the engine's socket: DOCKER_GID)"
    if isinstance(cause, FileNotFoundError):
        return " (is the engine's socket mounted?)"
    return find_tls_hint(str(cause)) if isinstance(cause, _TLS_ERRORS) else ""


def error_of_status(
    status: int, body: str, url: str, mask: Mask = str, method: str = ""
) -> EngineError:
    """The error for a status above 399, with the answer's text.

    If the call is forbidden, the text names it as docs/engine-access.md does.
    EngineTimeout: a gateway before the engine gave up waiting, and whether the
    engine goes on is unknown.
    """
    own_words = _engines_words(body, mask)
    text = own_words or _others_words(status, body, mask)
    if status in _GATEWAY and not own_words:
        return EngineTimeout(f"a proxy before the engine answered {status}: {text}")
    message = f"the engine answered {status}: {text}"
    if status in _FORBIDDEN:
        return EngineForbidden(f"{message}{_name_of(method, url)}")
    if status != HTTPStatus.NOT_FOUND:
        return EngineRefused(message)
    # 404 also comes from a socket proxy, for an unknown path, and for another
    # container that ours needs.
    named = _ASKED_ABOUT.search(url)
    names_it = named is not None and named[1] in body
    if names_it and "no such container" in body.lower():
        return ContainerGone(text)
    return NotFound(message)


def _name_of(method: str, url: str) -> str:
    parts = urlsplit(url)
    name = name_call(method, f"{parts.path}?{parts.query}")
    return f" ({name})" if name else ""


def _engines_words(body: str, mask: Mask) -> str:
    """The message of the engine's own error; empty: the error is another's."""
    try:
        return one_line(msgspec.json.decode(body, type=_EngineAnswer).message, mask)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""


def _others_words(status: int, body: str, mask: Mask) -> str:
    if body.strip() and "<" not in body:
        return one_line(body, mask)
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "no known status"
    return f"{phrase} (a web page, not the engine's words)" if body.strip() else phrase


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while isinstance(cause, _BROKE):
        yield cause
        cause = cause.__cause__ or cause.__context__


def raise_for_status(answer: requests.Response, mask: Mask = str) -> None:
    """EngineError where the engine, or a proxy before it, answered an error."""
    if not answer.ok:
        raise error_of_answer(answer, answer.text, mask)


def error_of_answer(
    answer: requests.Response, body: str, mask: Mask = str
) -> EngineError:
    """The error for an answer whose body was read."""
    method = answer.request.method or ""
    return error_of_status(answer.status_code, body, answer.url, mask, method)


def one_line(value: object, mask: Mask = str) -> str:
    """The value's text without secrets on one line, printable and bounded."""
    return mark_unprintable(" ".join(mask(str(value)).split())[:_LONGEST])
