"""``python -I send.py``: one message through Apprise, then gone.

Apprise and its plugins weigh more than half of the whole watchdog, and a plugin
may hang: so they live for one message, in a process that can be killed. It reads
a JSON request (``url``, ``title``, ``body``, ``kind``, ``message_id``) on stdin
and prints an answer: ``delivered``, ``usable``, ``status``, ``retry_after`` and
``error``.
"""

import json
import logging
import re
import signal
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


class _Witness:
    """What happened below Apprise, which says only yes or no."""

    def __init__(self) -> None:
        self.refusals: list[_Answer] = []
        self.troubles: list[str] = []

    def watch_requests(self) -> None:
        """See each HTTP answer that the plugins get."""
        import requests  # noqa: PLC0415

        send = requests.Session.send

        def seen(
            session: requests.Session,
            request: requests.PreparedRequest,
            **options: Any,  # noqa: ANN401
        ) -> requests.Response:
            try:
                answer = send(session, request, **options)
            except requests.RequestException as error:
                self.troubles.append(type(error).__name__)
                raise
            if not answer.ok:
                asked = answer.headers.get("Retry-After", "")
                self.refusals.append(_Answer(answer.status_code, asked))
            return answer

        requests.Session.send = seen  # type: ignore[method-assign, assignment]


class _Lines(logging.Handler):
    """The plugins' own words, for trouble that is not HTTP."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.last = ""
        self._level = logging.DEBUG

    def emit(  # type: ignore[explicit-override]  # typing.override is of 3.12
        self, record: logging.LogRecord
    ) -> None:
        """Keep the last one that tells of trouble, else the last one."""
        if record.levelno >= self._level:
            self._level = min(record.levelno, logging.WARNING)
            self.last = record.getMessage()


def main() -> int:
    """Read, send, answer; always 0, the answer says the rest."""
    request = json.load(sys.stdin)
    # Whoever started us may be gone before he could kill us.
    signal.alarm(_LIFETIME_S)
    sys.stdout.write(json.dumps(_send(request)))
    return 0


def _send(request: dict[str, Any]) -> dict[str, object]:
    import apprise  # noqa: PLC0415

    lines = _Lines()
    log = logging.getLogger("apprise")
    log.addHandler(lines)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    witness = _Witness()
    witness.watch_requests()
    plugin = apprise.Apprise.instantiate(request["url"])
    if plugin is None:
        error = "its url is none that Apprise understands"
        return _answer(delivered=False, usable=False, error=error)
    _identify(plugin, request)
    # Its own 4 s would repeat the message to a receiver that is merely slow.
    plugin.socket_connect_timeout = _CONNECT_TIMEOUT_S
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
    last = witness.refusals[-1] if witness.refusals else _Answer(0, "")
    error = witness.troubles[-1] if witness.troubles else lines.last
    return _answer(
        delivered=delivered,
        usable=True,
        status=last.status,
        retry_after=last.retry_after,
        error=_without_secrets(error, request["url"]),
    )


def _identify(plugin: Any, request: dict[str, Any]) -> None:  # noqa: ANN401
    """Where a receiver sees headers, the id goes there: it can tell a repeat."""
    scheme = request["url"].partition(":")[0].removesuffix("s").lower()
    if scheme in _HEADER_SCHEMES:
        plugin.headers["X-Sidecar-Message-Id"] = request["message_id"]


def _answer(
    *,
    delivered: bool,
    usable: bool,
    status: int = 0,
    retry_after: str = "",
    error: str = "",
) -> dict[str, object]:
    return {
        "delivered": delivered,
        "usable": usable,
        "status": status,
        "retry_after": retry_after,
        "error": error,
    }


def _without_secrets(text: str, url: str) -> str:
    """An Apprise URL is made of secrets: none of its parts may be repeated."""
    coded = [p for p in re.split(r"[/?&=:@#]+", url) if len(p) >= _SHORTEST_SECRET]
    parts = {*coded, *map(unquote, coded)}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return " ".join(text.split())[:200]


if __name__ == "__main__":
    sys.exit(main())
