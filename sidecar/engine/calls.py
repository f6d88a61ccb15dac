"""Every call of the engine's API that Sidecar can make. Pure.

``Client.send`` refuses every other call before it is sent. The tables of
docs/engine-access.md and the rules of the filter in compose/examples/haproxy.cfg are
made from this list (``scripts/engine-access``).
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from sidecar.engine.features import Feature

SEGMENTS = {
    "{id}": "[0-9a-f]{64}",
    "{name}": "[A-Za-z0-9][A-Za-z0-9_.-]*",
    "{test}": "sidecar-restore-test-[0-9a-f]+",
    "{image}": "(sha256:)?[0-9a-f]+",
    "{exec}": "[0-9a-f]+",
    "{network}": "[A-Za-z0-9][A-Za-z0-9_.-]*",
    "{service}": "[0-9a-z]{25}",
}
"""Expressions for the parts of a path that differ from call to call.

``{id}`` is a container's full id, ``{name}`` any name or id of one, and ``{test}`` the
name of a container that Sidecar made for a restore test. None of them matches ``.`` or
``..``, a slash, or an escape such as ``%2F``.
"""
_VERSION = re.compile(r"^/v1\.[0-9]+(?=/)")
_SEGMENTS = {name: re.compile(text) for name, text in SEGMENTS.items()}


class EngineCall(NamedTuple):
    """One call.

    ``path`` has no version; its parts in braces are those of SEGMENTS. ``query``: the
    names of parameters that it may have, with any value. ``fixed_query``: the only
    query that it may have. ``versioned``: the version of the API comes before its path.
    """

    feature: Feature
    method: str
    path: str
    query: tuple[str, ...] = ()
    fixed_query: str = ""
    versioned: bool = True

    @property
    def name(self) -> str:
        """The call as people read it."""
        query = f"?{self.fixed_query}" if self.fixed_query else ""
        return f"{self.method} {self.path}{query}"

    def allows(self, method: str, path: str, query: str) -> bool:
        """Is this the call? ``path`` without its version, both as they are sent."""
        return (
            method == self.method
            and _matches(self.path, path)
            and self._allows_query(query)
        )

    def _allows_query(self, query: str) -> bool:
        if self.fixed_query or not query:
            return query == self.fixed_query
        names = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
        return names <= set(self.query)


def _matches(path: str, given: str) -> bool:
    parts, given_parts = path.split("/"), given.split("/")
    return len(parts) == len(given_parts) and all(
        map(_matches_part, parts, given_parts)
    )


def _matches_part(part: str, given: str) -> bool:
    expression = _SEGMENTS.get(part)
    if expression is None:
        return given == part
    return expression.fullmatch(given) is not None


_F = Feature
CALLS = (
    EngineCall(_F.VERSION, "GET", "/version", versioned=False),
    EngineCall(
        _F.LIST,
        "GET",
        "/containers/json",
        ("all", "filters", "limit", "size", "trunc_cmd"),
    ),
    EngineCall(_F.INSPECT, "GET", "/containers/{name}/json"),
    EngineCall(_F.RESTART, "POST", "/containers/{id}/restart", ("t",)),
    EngineCall(_F.IMAGE, "GET", "/images/{image}/json"),
    EngineCall(_F.STOP_REPORT, "GET", "/libpod/containers/{id}/json"),
    EngineCall(_F.EVENTS, "GET", "/events", ("filters", "since")),
    EngineCall(_F.STOP, "POST", "/containers/{id}/stop", ("t",)),
    EngineCall(_F.START, "POST", "/containers/{id}/start"),
    EngineCall(
        _F.LOGS,
        "GET",
        "/containers/{id}/logs",
        ("follow", "since", "stderr", "stdout", "tail", "timestamps"),
    ),
    EngineCall(_F.PROCESSES, "GET", "/containers/{id}/top", ("ps_args",)),
    EngineCall(
        _F.CONTINUE, "POST", "/containers/{id}/kill", fixed_query="signal=SIGCONT"
    ),
    EngineCall(_F.STATS, "GET", "/containers/{id}/stats", ("one-shot", "stream")),
    EngineCall(_F.DOCTOR, "GET", "/info"),
    EngineCall(_F.EXEC, "POST", "/containers/{id}/exec"),
    EngineCall(_F.EXEC, "POST", "/exec/{exec}/start"),
    EngineCall(_F.EXEC, "GET", "/exec/{exec}/json"),
    EngineCall(_F.BACKUP, "GET", "/containers/{id}/archive", ("path",)),
    EngineCall(
        _F.RESTORE, "PUT", "/containers/{id}/archive", ("noOverwriteDirNonDir", "path")
    ),
    EngineCall(_F.CREATE, "POST", "/containers/create", ("name",)),
    EngineCall(_F.CREATE, "DELETE", "/containers/{id}", ("force", "link", "v")),
    EngineCall(
        _F.RESTORE_TEST,
        "PUT",
        "/containers/{test}/archive",
        ("noOverwriteDirNonDir", "path"),
    ),
    EngineCall(_F.RESTORE_TEST, "GET", "/containers/{test}/archive", ("path",)),
    EngineCall(_F.RESTORE_TEST, "POST", "/containers/{test}/start"),
    EngineCall(_F.RESTORE_TEST, "POST", "/containers/{test}/exec"),
    EngineCall(_F.RESTORE_TEST, "DELETE", "/containers/{test}", ("force", "v")),
    EngineCall(_F.RECREATE, "GET", "/containers/{id}/changes"),
    EngineCall(_F.RECREATE, "POST", "/containers/{id}/rename", ("name",)),
    EngineCall(_F.CONNECT, "POST", "/networks/{network}/connect"),
    EngineCall(_F.DRILL, "POST", "/containers/{id}/kill", fixed_query="signal=SIGKILL"),
    EngineCall(_F.DRILL, "POST", "/containers/{id}/kill", fixed_query="signal=SIGSTOP"),
    EngineCall(_F.DRILL, "POST", "/containers/{id}/pause"),
    EngineCall(_F.DRILL, "POST", "/containers/{id}/unpause"),
    EngineCall(_F.DRILL, "POST", "/networks/{network}/disconnect"),
    EngineCall(_F.DRILL, "GET", "/networks/{network}"),
    EngineCall(_F.SERVICES, "GET", "/services", ("filters",)),
    EngineCall(_F.SERVICES, "GET", "/services/{service}"),
    EngineCall(_F.SERVICES, "GET", "/tasks", ("filters",)),
    EngineCall(_F.SERVICE_UPDATE, "POST", "/services/{service}/update", ("version",)),
)


def find_call(method: str, target: str, api_version: str) -> EngineCall | None:
    """The call of a request, or None; ``target`` is its path and query."""
    path, _, query = target.partition("?")
    prefix = f"/v{api_version}/"
    versioned = path.startswith(prefix)
    if versioned:
        path = path.removeprefix(prefix[:-1])
    return next(
        (
            call
            for call in CALLS
            if call.versioned is versioned and call.allows(method, path, query)
        ),
        None,
    )


def name_call(method: str, target: str) -> str:
    """The name of the call of a request, whatever its version; or empty.

    Of several calls with its method and path, the one with its query.
    """
    path, _, query = target.partition("?")
    path = _VERSION.sub("", path)
    calls = [c for c in CALLS if c.method == method and _matches(c.path, path)]
    calls.sort(key=lambda call: call.fixed_query != query)
    return calls[0].name if calls else ""
