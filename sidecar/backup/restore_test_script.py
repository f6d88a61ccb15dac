"""Run by Python inside a throw-away container: load a wallet, count its addresses.

It needs the standard library alone, of Python 3.7 or newer. The variable
SIDECAR_RESTORE_TEST has the request as JSON: ``port``, ``path``, ``username``,
``password``, ``wallet_path``, ``wallet_password``, ``sha256``, ``patience_s``. The
answer is a line of JSON: ``outcome`` (``loaded``; ``failed``: the daemon says an error;
``not_loaded``; ``replaced``: the file is not the copy; ``refused``; ``silent``),
``error_text`` and ``addresses``.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_CALL_S = 30.0
_POLL_S = 0.2
_REFUSED = (401, 403)


class CallFailed(Exception):
    """The daemon answered a call with an error; the text is its own."""


class Daemon:
    """The daemon of this container, on its loopback."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self.until = time.monotonic() + request["patience_s"]
        self._calls = 0

    def call(self, method: str, params: object = None) -> Any:  # noqa: ANN401
        """The result. CallFailed; OSError, HTTPException: no usable answer."""
        status, body = self._post(method, params)
        if status in _REFUSED:
            raise PermissionError(status)
        try:
            answer = json.loads(body)
        except ValueError:
            text = body[:200].decode("utf-8", "replace")
            raise CallFailed(f"HTTP {status}: {text}") from None
        if answer.get("error"):
            error = answer["error"]
            is_object = isinstance(error, dict)
            raise CallFailed(str(error.get("message") if is_object else error))
        return answer.get("result")

    def _post(self, method: str, params: object) -> tuple[int, bytes]:
        request = self._request
        login = "{}:{}".format(request["username"], request["password"])
        headers = {
            "Authorization": "Basic " + base64.b64encode(login.encode()).decode(),
            "Content-Type": "application/json",
        }
        self._calls += 1
        body = {"jsonrpc": "2.0", "id": self._calls, "method": method}
        body["params"] = [] if params is None else params
        remaining_s = max(0.1, self.until - time.monotonic())
        connection = http.client.HTTPConnection(
            "127.0.0.1", request["port"], timeout=min(_CALL_S, remaining_s)
        )
        try:
            connection.request("POST", request["path"], json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def main() -> None:
    """Print the outcome."""
    request = json.loads(os.environ["SIDECAR_RESTORE_TEST"])
    daemon = Daemon(request)
    try:
        outcome = wait_and_load(daemon, request)
    except PermissionError as status:
        outcome = {"outcome": "refused", "error_text": f"HTTP {status}"}
    except (OSError, http.client.HTTPException) as error:
        outcome = {"outcome": "silent", "error_text": type(error).__name__}
    sys.stdout.write(json.dumps(outcome) + "\n")


def wait_and_load(daemon: Daemon, request: dict[str, Any]) -> dict[str, Any]:
    """Wait until the daemon answers, load the wallet, count its addresses."""
    if not wait(daemon):
        return {"outcome": "silent", "error_text": ""}
    if not is_copy(request["wallet_path"], request["sha256"]):
        return {"outcome": "replaced", "error_text": ""}
    error = load(daemon, request["wallet_path"], request["wallet_password"])
    if not is_loaded(daemon, request["wallet_path"]):
        return {
            "outcome": "failed" if error else "not_loaded",
            "error_text": error[:300],
        }
    return {
        "outcome": "loaded",
        "error_text": "",
        "addresses": count_addresses(daemon, request["wallet_path"]),
    }


def wait(daemon: Daemon) -> bool:
    """Does the daemon answer before the deadline, even with an error?"""
    while time.monotonic() < daemon.until:
        try:
            daemon.call("version")
        except CallFailed:
            return True
        except PermissionError:
            raise
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL_S)
        else:
            return True
    return False


def is_copy(path: str, sha256: str) -> bool:
    """Is the file still the copy? An image can make a new wallet at its first start."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def load(daemon: Daemon, path: str, password: str | None) -> str:
    """Load the wallet unless it is loaded; returns the error of the daemon."""
    if is_loaded(daemon, path):
        return ""
    named = {"wallet_path": path}
    if password is not None:
        named["password"] = password
    try:
        if is_electron_cash(daemon):
            # The only call that takes a path and a password on each of its builds.
            daemon.call("daemon", [dict(named, subcommand="load_wallet")])
        else:
            daemon.call("load_wallet", named)
    except CallFailed as failure:
        return str(failure)
    return ""


def is_electron_cash(daemon: Daemon) -> bool:
    """Electron Cash alone names the wallets in its information."""
    try:
        info = daemon.call("getinfo")
    except CallFailed:
        return False
    return isinstance(info, dict) and "wallets" in info


def is_loaded(daemon: Daemon, path: str) -> bool:
    """Is the wallet one of those that the daemon has loaded?"""
    try:
        info = daemon.call("getinfo")
        if isinstance(info, dict) and "wallets" in info:
            return path in info["wallets"]
    except CallFailed:
        pass
    try:
        wallets = daemon.call("list_wallets")
    except CallFailed:
        return False
    return any(wallet.get("path") == path for wallet in wallets)


def count_addresses(daemon: Daemon, path: str) -> int | None:
    """Number of addresses; None: the daemon does not tell."""
    for params in (None, {"wallet": path}):
        try:
            return len(daemon.call("listaddresses", params))
        except (CallFailed, TypeError):
            continue
    return None


if __name__ == "__main__":
    main()
