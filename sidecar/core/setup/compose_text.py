"""Text of the compose lines that add Sidecar to a stack, with the reason for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from sidecar.core.setup.file_text import comment_text, scalar
from sidecar.core.setup.proposal import SetupProposal

CONFIG_FOLDER = "/etc/sidecar"
FILE_NAME = "sidecar.yaml"
COMPOSE_NAME = "compose.sidecar.yaml"
SECRETS = "secrets"
"""Folder of the files with passwords, beside the compose file."""


@dataclass(frozen=True, slots=True)
class ComposePlace:
    """Where the lines are used.

    ``folder``: the folder of ``sidecar.yaml``, as written in the compose file.
    ``socket_group``: the group of the engine's socket; None: not known.
    ``external_networks``: networks that are not of this compose project.
    """

    folder: str
    socket_group: int | None = None
    external_networks: frozenset[str] = frozenset()


def secret_file(secret: str) -> str:
    """The file with a password, relative to the compose file."""
    return f"{SECRETS}/{secret}"


def write_compose(proposal: SetupProposal, place: ComposePlace) -> str:
    """The whole file."""
    lines = [
        *_head_lines(proposal, place),
        "services:",
        "  sidecar:",
        *(f"    {line}".rstrip() for line in _service_lines(proposal, place)),
        "",
        "volumes:",
        "  # Budgets, incidents and unsent messages survive a new container.",
        "  sidecar-state:",
        *_network_lines(proposal, place),
        *_secret_lines(proposal),
    ]
    return "\n".join(lines) + "\n"


def _head_lines(proposal: SetupProposal, place: ComposePlace) -> Iterator[str]:
    path = PurePosixPath(place.folder) / COMPOSE_NAME
    yield "# Sidecar beside the services of this stack, written by `sidecar init`. Use:"
    yield f"#   docker compose -f compose.yaml -f {comment_text(str(path))} up -d"
    yield "# Relative paths here begin at the folder of the first file, compose.yaml."
    if proposal.secrets:
        yield "# First make the files with the passwords; only Sidecar reads them:"
        yield f"#   mkdir -p {SECRETS}"
    for secret in proposal.secrets:
        yield "#   printf '%s' 'the rpcpassword' |"
        yield (
            "#     sudo install -o 10001 -m 0400 /dev/stdin "
            f"{comment_text(secret_file(secret))}"
        )
    yield ""


def _service_lines(proposal: SetupProposal, place: ComposePlace) -> Iterator[str]:
    yield "# DECIDE: `docker build -t sidecar /path/to/sidecar` makes this image."
    yield "image: sidecar"
    yield "volumes:"
    yield "  # The engine: to see what containers do, and to restart them. Who reaches"
    yield "  # this socket is root on the host; docs/engine-access.md has safer ways."
    yield "  - /var/run/docker.sock:/var/run/docker.sock"
    yield "  # Sidecar's memory: without it a new container forgets used tries."
    yield "  - sidecar-state:/var/lib/sidecar"
    yield from (f"  {line}" for line in _config_mount_lines(place))
    yield "# Sidecar runs as user 10001 and opens the socket as a member of this group."
    yield "group_add:"
    yield f"  - {_socket_group(place)}"
    if proposal.secrets:
        yield "# The files with passwords, which only Sidecar gets."
        yield "secrets:"
        yield from (f"  - {scalar(secret)}" for secret in proposal.secrets)
    if proposal.networks and proposal.networks != ("default",):
        yield "# Sidecar shares a network with each target: it calls them by name."
        yield "networks:"
        yield from (f"  - {scalar(network)}" for network in proposal.networks)
    yield from _LIMIT_LINES


def _config_mount_lines(place: ComposePlace) -> Iterator[str]:
    folder = place.folder
    if folder in {"", "."}:
        yield "# One file alone: after a change, docker compose restart sidecar. An"
        yield "# editor replaces the file, and the container keeps the old one."
        yield f"- ./{FILE_NAME}:{CONFIG_FOLDER}/{FILE_NAME}:ro"
        return
    source = folder if folder.startswith(("/", "./", "../")) else f"./{folder}"
    yield "# The folder, and not the file: a file that an editor replaces is seen, too."
    yield f"- {scalar(f'{source}:{CONFIG_FOLDER}:ro')}"


def _socket_group(place: ComposePlace) -> str:
    if place.socket_group is not None:
        return f'"{place.socket_group}"  # the group of /var/run/docker.sock here'
    return (
        "${DOCKER_GID:?the group of the engine's socket, as a number "
        "(stat -c %g /var/run/docker.sock)}"
    )


_LIMIT_LINES = (
    "# Status page and metrics, for this host only.",
    "ports:",
    "  - 127.0.0.1:9787:9787",
    "# Sidecar starts with its stack and waits for nobody: no depends_on, on purpose.",
    "restart: unless-stopped",
    "# An init process passes signals on and removes ended processes.",
    "init: true",
    "# A remedy under way is finished or handed over within 10 s of SIGTERM.",
    "stop_grace_period: 15s",
    "# Nothing but its volumes is written.",
    "read_only: true",
    "# Some libraries need a folder for files of a moment.",
    'tmpfs: ["/tmp:size=16m,mode=1777"]',
    "# No capability of the kernel is needed.",
    "cap_drop: [ALL]",
    "# No program in it can gain more rights.",
    'security_opt: ["no-new-privileges:true"]',
    "# Resident memory is below 60 MB with two targets, 120 MB with a thousand.",
    "mem_limit: 192m",
    "# Far more threads and processes than it ever has.",
    "pids_limit: 128",
    "# A log that is never cut fills the disk.",
    "logging:",
    "  driver: json-file",
    '  options: {max-size: 10m, max-file: "5"}',
)


def _network_lines(proposal: SetupProposal, place: ComposePlace) -> Iterator[str]:
    external = [n for n in proposal.networks if n in place.external_networks]
    if not external:
        return
    yield ""
    yield "networks:"
    for network in external:
        yield "  # Not of this project: it exists already."
        yield f"  {scalar(network)}:"
        yield "    external: true"


def _secret_lines(proposal: SetupProposal) -> Iterator[str]:
    if not proposal.secrets:
        return
    yield ""
    yield "secrets:"
    for secret in proposal.secrets:
        yield f"  {scalar(secret)}:"
        yield f"    file: {scalar(f'./{secret_file(secret)}')}"
