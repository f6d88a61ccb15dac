"""What the SDK and the layers under it raise, in our own words."""

from collections.abc import Callable, Iterator

import msgspec
import requests
import urllib3
from docker.errors import (
    APIError,
    DockerException,
    create_api_error_from_http_exception,
)

from sidecar.core.ports import (
    ContainerGone,
    EngineError,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)

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


class CouldNotConnect(EngineUnreachable):
    """No connection came about: asking again at once may help."""


class ConnectionBroke(EngineTimeout):
    """The connection broke before the answer was complete."""


TRANSLATED = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    msgspec.ValidationError,
    OSError,
    # What the SDK and we trip over when an answer is not what it should be.
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
_NO_ANSWER = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
_BROKE = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


def engine_error(error: Exception, mask: Mask = str) -> EngineError:
    """The EngineError that says what happened, fit for a log line.

    ``mask`` is applied to what others say, before it is cut.
    """
    if isinstance(error, EngineError):
        return error
    if isinstance(error, APIError):
        return _answered_no(error, mask)
    not_json = isinstance(error, requests.exceptions.JSONDecodeError)
    if isinstance(error, _BROKE) and not not_json:
        return _broke(error, mask)
    return EngineRefused(
        f"the engine's answer was not understood: {type(error).__name__}: "
        f"{one_line(error, mask)}"
    )


def _broke(error: Exception, mask: Mask) -> EngineError:
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


def _answered_no(error: APIError, mask: Mask) -> EngineError:
    said = one_line(error.explanation or error, mask)
    # A socket proxy or an unknown path answers 404 as well.
    if error.status_code == requests.codes.not_found and "no such container" in (
        said.lower()
    ):
        return ContainerGone(said)
    answered = f"the engine answered {error.status_code}: {said}"
    forbids = error.status_code in _FORBIDDEN
    return EngineForbidden(answered) if forbids else EngineRefused(answered)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while isinstance(cause, _BROKE):
        yield cause
        cause = cause.__cause__ or cause.__context__


def raise_for_status(answer: requests.Response) -> None:
    """Raise the SDK's APIError where the engine answered no."""
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)


def one_line(said: object, mask: Mask) -> str:
    """Its text without secrets on one line, of bounded length."""
    return " ".join(mask(str(said)).split())[:_LONGEST]
