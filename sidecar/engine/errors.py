"""What the SDK and the layers under it raise, in our own words."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus

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

_LONGEST = 300

_FORBIDDEN = frozenset(
    {
        requests.codes.unauthorized,
        requests.codes.forbidden,
        requests.codes.method_not_allowed,
    }
)
"""How filters, and the engine's own authorization, say that we may not."""

Mask = Callable[[str], str]
"""Takes the secrets out of a text, and what cannot be printed."""


class _EngineAnswer(msgspec.Struct):
    """The engine's error."""

    message: str


class CouldNotConnect(EngineUnreachable):
    """No connection came about: asking again at once may help."""


class NotFound(EngineRefused):
    """There is no such thing, and it is not the container that was asked about."""


class ConnectionBroke(EngineTimeout):
    """The connection broke before the answer was complete."""


TRANSLATED_ERRORS = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    msgspec.DecodeError,
    OSError,
    # What the SDK and we trip over when an answer is not what it should be.
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
    # A UNIX socket is connected to without urllib3 knowing of it.
    ConnectionRefusedError,
    FileNotFoundError,
    PermissionError,
    NotADirectoryError,
    BlockingIOError,
)
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
    """The EngineError that says what happened, fit for a log line.

    ``mask`` is applied to what others say, before it is cut.
    """
    if isinstance(error, EngineError):
        return error
    not_json = isinstance(error, requests.exceptions.JSONDecodeError)
    if isinstance(error, _BROKE) and not not_json:
        return _is_broken_connection(error, mask)
    return EngineRefused(
        f"the engine's answer was not understood: {type(error).__name__}: "
        f"{one_line(error, mask)}"
    )


def _is_broken_connection(error: Exception, mask: Mask) -> EngineError:
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
    return ""


def answered_no(status: int, body: str, url: str, mask: Mask = str) -> EngineError:
    """What a status above 399 means, with whatever came with it.

    EngineTimeout: a gateway between us and the engine gave up waiting, and whether
    the engine goes on is unknown.
    """
    own_words = _engines_words(body, mask)
    said = own_words or _others_words(status, body, mask)
    if status in _GATEWAY and not own_words:
        return EngineTimeout(f"a proxy before the engine answered {status}: {said}")
    answered = f"the engine answered {status}: {said}"
    if status in _FORBIDDEN:
        return EngineForbidden(answered)
    if status != HTTPStatus.NOT_FOUND:
        return EngineRefused(answered)
    # A socket proxy or an unknown path answers 404 as well, and the engine for
    # another container that ours needs.
    asked = _ASKED_ABOUT.search(url)
    names_it = asked is not None and asked[1] in body
    if names_it and "no such container" in body.lower():
        return ContainerGone(said)
    return NotFound(answered)


def _engines_words(body: str, mask: Mask) -> str:
    """The message of the engine's own error; empty: it is somebody else's."""
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
    """EngineError where the engine, or somebody before it, answered no."""
    if not answer.ok:
        raise answered_no(answer.status_code, answer.text, answer.url, mask)


def one_line(said: object, mask: Mask = str) -> str:
    """Its text without secrets on one line, printable and of bounded length."""
    return mark_unprintable(" ".join(mask(str(said)).split())[:_LONGEST])
