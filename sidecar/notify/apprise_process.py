"""``python -I apprise_process.py``: send one message through Apprise, then exit.

Apprise and its plugins take more memory than half of the watchdog, and a plugin may
hang: so each message has a process of its own that can be killed. It reads a JSON
request (``url``, ``title``, ``body``, ``kind``, ``message_id``, ``key``) on stdin and
prints an answer: ``delivered``, ``usable``, ``status``, ``retry_after``, ``error`` and
``doubtful``: it may have arrived without a confirmation.
"""

import json
import logging
import re
import signal
import smtplib
import sys
from typing import Any, NamedTuple
from urllib.parse import unquote

_LIFETIME_S = 60
_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 25.0
_SHORTEST_SECRET = 5
_HEADER_SCHEMES = frozenset({"json", "xml", "form", "mailto"})


class _Answer(NamedTuple):
    status: int
    retry_after: str


class _ResponseObserver:
    """Records HTTP and mail errors below Apprise, which returns only true or false."""

    def __init__(self) -> None:
        self.refusals: list[_Answer] = []
        self.troubles: list[str] = []
        self.doubtful = False

    def watch_requests(self) -> None:
        """Record each failed HTTP request of the plugins."""
        import requests  # noqa: PLC0415

        send = requests.Session.send

        def observe_send(
            session: requests.Session,
            request: requests.PreparedRequest,
            **options: Any,  # noqa: ANN401
        ) -> requests.Response:
            try:
                answer = send(session, request, **options)
            except requests.RequestException as error:
                self.troubles.append(type(error).__name__)
                self.doubtful |= _may_have_arrived(error)
                raise
            if not answer.ok:
                retry_after = answer.headers.get("Retry-After", "")
                self.refusals.append(_Answer(answer.status_code, retry_after))
            return answer

        requests.Session.send = observe_send  # type: ignore[method-assign, assignment]

    def watch_mails(self) -> None:
        """Record whether a mail was sent without a confirmation."""
        data = smtplib.SMTP.data

        def observe_data(server: smtplib.SMTP, mail: bytes | str) -> tuple[int, bytes]:
            try:
                return data(server, mail)
            except OSError as error:
                # An answer of the mail server is a refusal: another kind of error.
                refused = isinstance(error, smtplib.SMTPResponseException)
                self.doubtful |= not refused
                raise

        smtplib.SMTP.data = observe_data  # type: ignore[method-assign, assignment]


def _may_have_arrived(error: Exception) -> bool:
    """Did it fail between the connection and the complete answer?"""
    import requests  # noqa: PLC0415
    import urllib3  # noqa: PLC0415

    broken_off = (
        requests.ReadTimeout,
        requests.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    )
    never_stood = (
        requests.ConnectTimeout,
        requests.exceptions.ProxyError,
        requests.exceptions.SSLError,
    )
    if not isinstance(error, broken_off) or isinstance(error, never_stood):
        return False
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(reason, urllib3.exceptions.NewConnectionError)


class _LastLogLine(logging.Handler):
    """Keeps the plugins' last log line, for errors outside HTTP."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.last = ""
        self._level = logging.DEBUG

    def emit(  # type: ignore[explicit-override]  # typing.override is of 3.12
        self, record: logging.LogRecord
    ) -> None:
        """Keep the last warning or error, else the last line."""
        if record.levelno >= self._level:
            self._level = min(record.levelno, logging.WARNING)
            self.last = record.getMessage()


def main() -> int:
    """Read the request, send it, print the answer; the exit code is always 0."""
    request = json.load(sys.stdin)
    # The parent process may end before it can kill this one.
    signal.alarm(_LIFETIME_S)
    sys.stdout.write(json.dumps(_send(request)))
    return 0


def _send(request: dict[str, Any]) -> dict[str, object]:
    import apprise  # noqa: PLC0415

    lines = _LastLogLine()
    log = logging.getLogger("apprise")
    log.addHandler(lines)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    observer = _ResponseObserver()
    observer.watch_requests()
    observer.watch_mails()
    plugin = apprise.Apprise.instantiate(request["url"])
    if plugin is None:
        error = "its url is none that Apprise understands"
        return _answer(delivered=False, usable=False, error=error)
    _identify(plugin, request)
    # Its own 4 s would repeat the message to a receiver that is merely slow. For
    # mails Apprise has one time for both.
    is_mail = _scheme(request["url"]) == "mailto"
    plugin.socket_connect_timeout = _READ_TIMEOUT_S if is_mail else _CONNECT_TIMEOUT_S
    plugin.socket_read_timeout = _READ_TIMEOUT_S
    sender = apprise.Apprise()
    sender.add(plugin)
    delivered = bool(
        sender.notify(
            title=request["title"],
            body=request["body"],
            notify_type=request["kind"],
            body_format=apprise.NotifyFormat.TEXT,
        )
    )
    last = observer.refusals[-1] if observer.refusals else _Answer(0, "")
    error = observer.troubles[-1] if observer.troubles else lines.last
    return _answer(
        delivered=delivered,
        usable=True,
        status=last.status,
        retry_after=last.retry_after,
        error=_without_secrets(error, request["url"]),
        doubtful=observer.doubtful,
    )


def _identify(plugin: Any, request: dict[str, Any]) -> None:  # noqa: ANN401
    """Put the message's id where the receiver can detect a repeat."""
    scheme = _scheme(request["url"])
    if scheme in _HEADER_SCHEMES:
        plugin.headers["X-Sidecar-Message-Id"] = request["message_id"]
    if scheme == "mailto":
        _name_mails(request["message_id"])
    key = request["key"]
    if key["field"] and _is_free(plugin, key["field"]):
        is_mapped = getattr(plugin, "action", "") == "map"
        setattr(plugin, key["field"], key["all" if is_mapped else "each"])


def _scheme(url: str) -> str:
    """The scheme; with or without TLS it is the same."""
    return url.partition(":")[0].removesuffix("s").lower()


def _is_free(plugin: Any, field: str) -> bool:  # noqa: ANN401
    """Is the field unset in the URL? Splunk's own default is equal for all messages."""
    default = f"{plugin.app_id}/{getattr(plugin, 'routing_key', '')}"
    return getattr(plugin, field) in {None, "", default}


def _name_mails(message_id: str) -> None:
    """Give a repeated mail the same Message-ID: many mailboxes drop a duplicate."""
    import apprise.plugins.email.base as mails  # noqa: PLC0415

    local_part = re.sub(r"[^A-Za-z0-9.-]", "_", message_id)

    def make_message_id(idstring: str | None = None, domain: str | None = None) -> str:  # noqa: ARG001
        return f"<{local_part}@{domain}>"

    mails.make_msgid = make_message_id  # type: ignore[attr-defined]


def _answer(
    *,
    delivered: bool,
    usable: bool,
    status: int = 0,
    retry_after: str = "",
    error: str = "",
    doubtful: bool = False,
) -> dict[str, object]:
    return {
        "delivered": delivered,
        "usable": usable,
        "status": status,
        "retry_after": retry_after,
        "error": error,
        "doubtful": doubtful,
    }


def _without_secrets(text: str, url: str) -> str:
    """The text without any part of the Apprise URL, which consists of secrets."""
    coded = [p for p in re.split(r"[/?&=:@#]+", url) if len(p) >= _SHORTEST_SECRET]
    parts = {*coded, *map(unquote, coded)}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return " ".join(text.split())[:200]


if __name__ == "__main__":
    sys.exit(main())
