"""Throw-away containers, in which a restored wallet is loaded.

These are the only containers that Sidecar creates and removes. The engine's calls for
it are root-equivalent: docs/engine-access.md.
"""

from functools import partial
from urllib.parse import quote

from loguru import logger

from sidecar.core.ports.engine import (
    ContainerGone,
    ExecResult,
    FileAbsent,
    Throwaway,
)
from sidecar.engine import answers, archive, containers, requests
from sidecar.engine.api_types import Listed
from sidecar.engine.client import Client
from sidecar.engine.commands import run_command
from sidecar.engine.connection import EngineConnection
from sidecar.engine.errors import raise_for_status
from sidecar.engine.membership import Membership
from sidecar.engine.throwaway_settings import LABEL, find_named_files, make_settings

_ANSWER_S = 30.0
_PREFIX = "sidecar-restore-test-"
_MOST_LEFT = 20


class ThrowawayContainers:
    """Implements core.ports.ThrowawayContainers for one stack."""

    def __init__(self, link: EngineConnection, stack: str) -> None:
        self._link = link
        self._stack = stack
        self._members = Membership(stack)

    async def create(self, original_id: str, key: str) -> Throwaway:
        """Create a container like one of the stack, without its network and volumes."""
        return await self._link.act(
            "create", partial(self._create, original_id=original_id, key=key), _ANSWER_S
        )

    async def missing_folders(
        self, key: str, folders: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The folders that the container does not have."""
        return await self._link.ask(
            "archive", partial(_missing_folders, key=key, folders=folders), _ANSWER_S
        )

    async def put_files(self, key: str, files: bytes) -> None:
        """Extract an archive of tar in the container's root."""
        await self._link.act(
            "put_archive",
            lambda client: archive.put_files(client, _name(key), "/", files),
            _ANSWER_S,
        )

    async def start(self, key: str) -> None:
        """Start the container."""
        await self._link.act(
            "start", lambda client: client.start(_name(key)), _ANSWER_S
        )

    async def execute(
        self,
        key: str,
        command: tuple[str, ...],
        variables: dict[str, str],
        timeout_s: float,
    ) -> ExecResult:
        """Run a command in the container; the last 4 kB of its output are kept."""
        call = partial(_execute, key=key, command=command, variables=variables)
        return await self._link.act("exec", call, timeout_s)

    async def remove(self, key: str) -> None:
        """Remove the container with its volumes, running or not; it may be gone."""
        call = partial(_remove, container=_name(key))
        await self._link.act("remove", call, _ANSWER_S)

    async def remove_left(self) -> int:
        """Remove the containers that an earlier process left; returns their number."""
        return await self._link.act("remove", self._remove_left, _ANSWER_S)

    def _create(self, client: Client, original_id: str, key: str) -> Throwaway:
        raw = requests.inspect_own_with_owner(client, original_id, self._members)
        answer = client.post(
            client.url_of("/containers/create"),
            params={"name": _name(key)},
            json=make_settings(raw, self._stack),
        )
        raise_for_status(answer, client.mask)
        return Throwaway(find_named_files(raw))

    def _remove_left(self, client: Client) -> int:
        raw = client.containers(all=True, filters={"label": [f"{LABEL}={self._stack}"]})
        leftovers = [
            entry for entry in containers.read_list(raw) if _is_ours(client, entry)
        ]
        for entry in leftovers[:_MOST_LEFT]:
            _remove(client, entry.id)
            logger.info("removed {}: a restore test did not end", entry.id[:12])
        return len(leftovers)


def _name(key: str) -> str:
    return f"{_PREFIX}{key}"


def _is_ours(client: Client, entry: Listed) -> bool:
    """Did we make it? Its name says so, and its label is not that of its image."""
    names = [name.removeprefix("/") for name in entry.names or ()]
    if not any(name.startswith(_PREFIX) for name in names):
        return False
    raw: object = client.inspect_image(entry.image_id)  # type: ignore[no-untyped-call]
    return LABEL not in containers.read_image_labels(raw)


def _missing_folders(
    client: Client, key: str, folders: tuple[str, ...]
) -> tuple[str, ...]:
    missing = []
    for folder in folders:
        try:
            archive.file_version(client, _name(key), folder)
        except FileAbsent:
            missing.append(folder)
    return tuple(missing)


def _execute(
    client: Client, key: str, command: tuple[str, ...], variables: dict[str, str]
) -> ExecResult:
    raw = client.exec_create(_name(key), list(command), environment=variables)
    return run_command(client, answers.read_exec_id(raw))


def _remove(client: Client, container: str) -> None:
    answer = client.delete(
        client.url_of(f"/containers/{quote(container, safe='')}"),
        params={"force": "1", "v": "1"},
    )
    try:
        raise_for_status(answer, client.mask)
    except ContainerGone:
        return
