"""Sessions of operators who signed in on the page: kept in memory, bounded in number.

They end with this process, and with a restart of the sidecar everybody signs in anew.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from aiohttp import web

from sidecar.core.ports.loop import Clock

COOKIE = "sidecar_session"
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 64
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Viewer:
    """A viewer of the page; ``csrf_token`` must come back with each order.

    A visitor, who did not sign in, has an empty one.
    """

    is_operator: bool = False
    csrf_token: str = field(default="", repr=False)

    def has_sent(self, csrf_token: str) -> bool:
        """Did the request come from a page that this viewer was given?"""
        sent_bytes, own_bytes = (
            token.encode("utf-8", "replace") for token in (csrf_token, self.csrf_token)
        )
        return self.is_operator and hmac.compare_digest(sent_bytes, own_bytes)


VISITOR = Viewer()


class _Session(NamedTuple):
    viewer: Viewer
    until_mono: float


class Sessions:
    """The sessions that are open. Each ends SESSION_S after its sign-in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[bytes, _Session] = {}

    def open(self) -> str:
        """Open a session; its secret id belongs in the cookie.

        Beyond MAX_SESSIONS the oldest one ends.
        """
        self._drop_ended()
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session_id = secrets.token_urlsafe(_KEY_BYTES)
        viewer = Viewer(is_operator=True, csrf_token=secrets.token_urlsafe(_KEY_BYTES))
        until_mono = self._clock.now().mono + SESSION_S
        self._sessions[_digest(session_id)] = _Session(viewer, until_mono)
        return session_id

    def viewer_of(self, request: web.BaseRequest) -> Viewer:
        """The viewer who sent the request."""
        session = self._sessions.get(_digest(request.cookies.get(COOKIE, "")))
        if session is None or self._clock.now().mono >= session.until_mono:
            return VISITOR
        return session.viewer

    def close(self, request: web.BaseRequest) -> None:
        """End the session of the request, if it has one."""
        self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)

    def _drop_ended(self) -> None:
        now_mono = self._clock.now().mono
        self._sessions = {
            key: session
            for key, session in self._sessions.items()
            if now_mono < session.until_mono
        }


def _digest(session_id: str) -> bytes:
    """The key of a session: a comparison of digests says nothing about the id."""
    return sha256(session_id.encode("utf-8", "replace")).digest()
