"""A small client of the sidecar's HTTP API, on the standard library."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sidecar.cli.output import show_times_in
from sidecar.core.text.formatting import ZONE_HEADER
from sidecar.core.text.printable import printable

DEFAULT_LISTEN = "127.0.0.1:9787"
DEADLINE_S = 20.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_REFUSALS = frozenset({401, 403, 409})
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104

Json = Any  # a JSON document; commands pick from it what they show


class ApiError(Exception):
    """The request did not succeed; ``status`` is the HTTP status, None without one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status

    @property
    def exit_status(self) -> int:
        """3: refused; 2: cannot tell."""
        return 3 if self.status in _REFUSALS else 2


class Api:
    """One sidecar's API. Every call ends within DEADLINE_S or so.

    Whatever answers there, its texts are printable.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._token = token
        # A proxy of the environment has no business between us and a neighbour.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self._url

    def get(self, path: str) -> Json:
        """The document at ``path``; ApiError where there is none."""
        return self._answer("GET", path, None)

    def text(self, path: str) -> str:
        """The text at ``path``; ApiError where there is none."""
        return printable(self._body("GET", path, None).decode("utf-8", "replace"))

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Json:
        """The answer to an order; ApiError where it is refused."""
        return self._answer("POST", path, json.dumps(body or {}).encode())

    def _answer(self, method: str, path: str, body: bytes | None) -> Json:
        told = self._body(method, path, body)
        try:
            return _printable(json.loads(told))
        except (ValueError, RecursionError) as fault:
            raise ApiError(f"{self._url} is not a sidecar: no JSON there") from fault

    def _body(self, method: str, path: str, body: bytes | None) -> bytes:
        request = self._request(method, path, body)
        try:
            with self._opener.open(request, timeout=DEADLINE_S) as response:
                show_times_in(response.headers.get(ZONE_HEADER, ""))
                return _read(response)
        except urllib.error.HTTPError as fault:
            raise ApiError(_error_in(fault), fault.code) from fault
        except (OSError, http.client.HTTPException) as fault:
            reason = getattr(fault, "reason", fault)
            reason = getattr(reason, "strerror", None) or reason
            raise ApiError(
                f"no sidecar answers at {self._url} ({reason}): is it running, and "
                "what does its log say? Give its address with --url or SIDECAR_URL."
            ) from fault

    def _request(
        self, method: str, path: str, body: bytes | None
    ) -> urllib.request.Request:
        request = urllib.request.Request(  # noqa: S310 - checked in connect()
            self._url + path, data=body, method=method
        )
        if self._token:
            # The header's bytes are the token's, whatever letters it has.
            token = self._token.encode().decode("latin-1")
            request.add_header("Authorization", f"Bearer {token}")
        return request


def target_path(target: str, action: str) -> str:
    """Where an order to a target is posted."""
    return f"/api/v1/targets/{quote(target, safe='')}/{action}"


def connect(
    url: str | None, token_file: Path | None, environ: Mapping[str, str] = os.environ
) -> Api:
    """The API at the address and with the token of the options or environment."""
    address = url or environ.get("SIDECAR_URL") or _default_url(environ)
    return Api(_check_url(address), _token(token_file, environ))


def _check_url(address: str) -> str:
    """Without credentials: the address is told in errors."""
    try:
        parts = urlsplit(address)
        good = parts.scheme in {"http", "https"} and parts.hostname
        parts.port  # noqa: B018 - ValueError where it is none
    except ValueError:
        good = None
    if not good or "@" in address or not address.isascii() or " " in address:
        # Where credentials end is not certain: the scheme is all that is shown.
        shown = "what was given" if "@" in address else address
        raise ApiError(f"{shown} is no address: write http://host:port")
    return address


def _default_url(environ: Mapping[str, str]) -> str:
    listen = environ.get("SIDECAR_LISTEN") or DEFAULT_LISTEN
    host, _, port = listen.rpartition(":")
    return f"http://{_EVERYWHERE.get(host, host)}:{port}"


def _token(token_file: Path | None, environ: Mapping[str, str]) -> str | None:
    named = token_file or environ.get("SIDECAR_API_TOKEN_FILE")
    if not named:
        return _sendable(environ.get("SIDECAR_API_TOKEN", ""))
    try:
        return _sendable(Path(named).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        why = getattr(fault, "strerror", None) or "not UTF-8 text"
        raise ApiError(f"the token file {named} cannot be read: {why}") from fault


def _sendable(token: str) -> str | None:
    one = token.strip()
    if not one.isprintable():
        raise ApiError("the API token is more than one line: nothing was sent")
    return one or None


def _read(response: http.client.HTTPResponse) -> bytes:
    """The body, within the deadline even where it comes in drops."""
    give_up = time.monotonic() + DEADLINE_S
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES or time.monotonic() > give_up:
            raise TimeoutError("its answer does not end")
    return b"".join(parts)


def _printable(told: Json) -> Json:
    if isinstance(told, str):
        return printable(told)
    if isinstance(told, list):
        return [_printable(item) for item in told]
    if isinstance(told, dict):
        return {printable(key): _printable(value) for key, value in told.items()}
    return told


def _error_in(fault: urllib.error.HTTPError) -> str:
    try:
        told = _printable(json.loads(fault.read(65536)))
    except (ValueError, OSError):
        return f"HTTP {fault.code} {printable(str(fault.reason))}"
    error = told.get("error") if isinstance(told, dict) else None
    if not error:
        return f"HTTP {fault.code} {fault.reason}"
    guard = told.get("guard")
    return f"refused ({guard}): {error}" if guard else str(error)
