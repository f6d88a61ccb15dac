"""A small client of the sidecar's HTTP API, on the standard library."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from sidecar.cli.control_socket import (
    BadControlSocket,
    ControlSocketHandler,
    find_control_socket,
)
from sidecar.cli.output import set_time_zone
from sidecar.core.text.formatting import ZONE_HEADER
from sidecar.core.text.printable import printable

DEFAULT_LISTEN = "127.0.0.1:9787"
DEADLINE_S = 20.0
STREAM_SILENCE_S = 45.0
"""Three times the interval of the server's signs of life."""

MAX_LINE_BYTES = 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_REFUSALS = frozenset({401, 403, 409})
_SOCKET_URL = "http://localhost"
"""Requests over the control socket need some address."""

_LOOPBACK_BY_HOST = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104

Json = Any  # a JSON document, for --json

T = TypeVar("T", bound=msgspec.Struct)


class ApiError(Exception):
    """The request did not succeed; ``status`` is the HTTP status, None without one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status

    @property
    def exit_status(self) -> int:
        """3: the sidecar refused; 2: no usable answer."""
        return 3 if self.status in _REFUSALS else 2


class Answer(Generic[T]):
    """An answer: ``document`` is the JSON document as it came."""

    def __init__(self, document: Json, kind: type[T]) -> None:
        self.document = document
        self._kind = kind

    @property
    def value(self) -> T:
        """The document as its type, without fields that this version does not know.

        ValueError where the document has another shape.
        """
        return msgspec.convert(self.document, self._kind)


class Api:
    """One sidecar's API. Every call ends within about ``deadline_s``.

    ``socket_path`` is that of the control socket; None: the port at ``url`` is used.
    Unprintable characters of an answer are replaced.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        socket_path: Path | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._socket_path = socket_path
        self._deadline_s = deadline_s
        # The sidecar is a neighbour: a proxy of the environment is not used.
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if socket_path is not None:
            handlers.append(ControlSocketHandler(socket_path))
        self._opener = urllib.request.build_opener(*handlers)

    @property
    def address(self) -> str:
        """The address of the API, as error messages name it."""
        return self._url if self._socket_path is None else f"unix:{self._socket_path}"

    def get(self, path: str, kind: type[T]) -> Answer[T]:
        """The answer at ``path``. Raises ApiError."""
        return Answer(self._document("GET", path, None), kind)

    def text(self, path: str) -> str:
        """The text at ``path``. Raises ApiError."""
        return printable(self._body("GET", path, None).decode("utf-8", "replace"))

    def post(
        self, path: str, kind: type[T], body: msgspec.Struct | None = None
    ) -> Answer[T]:
        """The answer to a request that changes something. Raises ApiError."""
        content = b"{}" if body is None else msgspec.json.encode(body)
        return Answer(self._document("POST", path, content), kind)

    def stream(self, path: str, prefix: bytes = b"") -> Iterator[Json]:
        """The JSON documents at ``path``, one a line, as they arrive. Raises ApiError.

        Empty lines, and lines without the ``prefix``, are left out. A server that sends
        nothing for STREAM_SILENCE_S is taken for lost. The request is sent at once, and
        not when the first document is taken.
        """
        response = self._open(self._request("GET", path, None), STREAM_SILENCE_S)
        return self._read_documents(response, prefix)

    def _read_documents(
        self, response: http.client.HTTPResponse, prefix: bytes
    ) -> Iterator[Json]:
        with response, self._translated_errors():
            while line := response.readline(MAX_LINE_BYTES):
                if line.startswith(prefix) and line.strip():
                    yield self._parse(line.removeprefix(prefix))

    def _document(self, method: str, path: str, body: bytes | None) -> Json:
        return self._parse(self._body(method, path, body))

    def _parse(self, content: bytes) -> Json:
        try:
            return _printable(json.loads(content))
        except (ValueError, RecursionError) as fault:
            raise ApiError(f"{self.address} is not a sidecar: no JSON there") from fault

    def _body(self, method: str, path: str, body: bytes | None) -> bytes:
        request = self._request(method, path, body)
        response = self._open(request, self._deadline_s)
        with response, self._translated_errors():
            return _read_body(response, self._deadline_s)

    def _open(
        self, request: urllib.request.Request, timeout_s: float
    ) -> http.client.HTTPResponse:
        with self._translated_errors():
            response: http.client.HTTPResponse = self._opener.open(
                request, timeout=timeout_s
            )
        set_time_zone(response.headers.get(ZONE_HEADER, ""))
        return response

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raise errors of the connection and of HTTP as ApiError."""
        try:
            yield
        except urllib.error.HTTPError as fault:
            raise ApiError(_read_error(fault), fault.code) from fault
        except (OSError, http.client.HTTPException) as fault:
            reason = getattr(fault, "reason", fault)
            reason = getattr(reason, "strerror", None) or reason
            raise ApiError(
                f"no sidecar answers at {self.address} ({reason}): is it running, and "
                "what does its log say? Give its address with --url or SIDECAR_URL."
            ) from fault

    def _request(
        self, method: str, path: str, body: bytes | None
    ) -> urllib.request.Request:
        request = urllib.request.Request(  # noqa: S310 - checked in connect()
            self._url + path, data=body, method=method
        )
        if self._token:
            # urllib encodes headers as latin-1: so the token is sent as UTF-8 bytes.
            token = self._token.encode().decode("latin-1")
            request.add_header("Authorization", f"Bearer {token}")
        return request


def target_path(target: str, action: str) -> str:
    """The API path of an action on a target."""
    return f"/api/v1/targets/{quote(target, safe='')}/{action}"


def connect(
    url: str | None,
    token_file: Path | None,
    environ: Mapping[str, str] = os.environ,
    deadline_s: float = DEADLINE_S,
) -> Api:
    """The API, with address and token from the options, else from the environment.

    Without an address it is the control socket of a sidecar beside this process, else
    the port. Raises ApiError.
    """
    token = _token(token_file, environ)
    address = url or environ.get("SIDECAR_URL")
    try:
        socket_path = find_control_socket(environ) if not address else None
    except BadControlSocket as fault:
        raise ApiError(str(fault)) from fault
    if socket_path is not None:
        return Api(_SOCKET_URL, token, socket_path, deadline_s)
    address = address or _default_url(environ)
    return Api(_check_url(address), token, deadline_s=deadline_s)


def _check_url(address: str) -> str:
    """The address, if it is valid. Raises ApiError.

    It must hold no credentials, since error messages show it.
    """
    try:
        parts = urlsplit(address)
        good = parts.scheme in {"http", "https"} and parts.hostname
        parts.port  # noqa: B018 - ValueError where it is none
    except ValueError:
        good = None
    if not good or "@" in address or not address.isascii() or " " in address:
        # It is not certain where credentials end: nothing of the address is shown.
        shown_address = "what was given" if "@" in address else address
        raise ApiError(f"{shown_address} is no address: write http://host:port")
    return address


def _default_url(environ: Mapping[str, str]) -> str:
    listen = environ.get("SIDECAR_LISTEN") or DEFAULT_LISTEN
    host, _, port = listen.rpartition(":")
    return f"http://{_LOOPBACK_BY_HOST.get(host, host)}:{port}"


def _token(token_file: Path | None, environ: Mapping[str, str]) -> str | None:
    token_path = token_file or environ.get("SIDECAR_API_TOKEN_FILE")
    if not token_path:
        return _check_token(environ.get("SIDECAR_API_TOKEN", ""))
    try:
        return _check_token(Path(token_path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        why = getattr(fault, "strerror", None) or "not UTF-8 text"
        raise ApiError(f"the token file {token_path} cannot be read: {why}") from fault


def _check_token(token: str) -> str | None:
    line = token.strip()
    if not line.isprintable():
        raise ApiError("the API token is more than one line: nothing was sent")
    return line or None


def _read_body(response: http.client.HTTPResponse, deadline_s: float) -> bytes:
    """The body; TimeoutError after ``deadline_s``, even if bytes still arrive."""
    give_up = time.monotonic() + deadline_s
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES or time.monotonic() > give_up:
            raise TimeoutError("its answer does not end")
    return b"".join(parts)


def _printable(document: Json) -> Json:
    if isinstance(document, str):
        return printable(document)
    if isinstance(document, list):
        return [_printable(item) for item in document]
    if isinstance(document, dict):
        return {printable(key): _printable(value) for key, value in document.items()}
    return document


def _read_error(fault: urllib.error.HTTPError) -> str:
    try:
        document = _printable(json.loads(fault.read(65536)))
    except (ValueError, OSError):
        return f"HTTP {fault.code} {printable(str(fault.reason))}"
    error = document.get("error") if isinstance(document, dict) else None
    if not error:
        return f"HTTP {fault.code} {fault.reason}"
    guard = document.get("guard")
    return f"refused ({guard}): {error}" if guard else str(error)
