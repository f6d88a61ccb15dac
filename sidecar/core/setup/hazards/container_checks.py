"""Checks of the watched containers: PID 1, restart policy, limits, time zone."""

from collections.abc import Iterator

from sidecar.core.setup.hazards.hazard import Finding, Unjudged, Unknown
from sidecar.core.setup.proposal import SetupProposal
from sidecar.core.setup.stack_facts import ServiceFacts
from sidecar.core.setup.wallet_daemons import is_daemon_command

SHORT_RUN_S = 60.0
LOOP_RESTARTS = 3
_INITS = frozenset(
    {
        "docker-init",
        "tini",
        "tini-static",
        "dumb-init",
        "catatonit",
        "init",
        "systemd",
        "s6-svscan",
        "runit",
        "supervisord",
    }
)
_SIGTERM = frozenset({"", "SIGTERM", "TERM", "15"})
_RESTARTING = frozenset({"always", "unless-stopped", "on-failure"})


def is_init(command: str) -> bool:
    """Is the command line that of an init process?"""
    program = command.split(maxsplit=1)[0] if command.strip() else ""
    return program.rpartition("/")[2] in _INITS


def _has_init(service: ServiceFacts) -> bool | None:
    """Does it have an init process? None: that is not known."""
    if service.has_init:
        return True
    if not service.processes:
        return False if service.has_init is False else None
    return is_init(service.processes[0])


def check_sigterm(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find containers whose PID 1 ignores SIGTERM."""
    for service in proposal.services:
        if service.stop_signal.upper() not in _SIGTERM or _has_init(service):
            continue
        catches = service.catches_sigterm
        if catches is None and service.processes:
            is_daemon = is_daemon_command(service.processes[0])
            catches = False if is_daemon else None
        if catches is False:
            yield Finding(service.name, {})
        elif catches is None:
            why = Unknown.NO_SIGNALS if service.processes else Unknown.NO_PROCESSES
            yield Unjudged(service.name, why)


def check_init(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find containers without an init process."""
    for service in proposal.services:
        has_init = _has_init(service)
        if has_init is None:
            yield Unjudged(service.name, Unknown.NO_PROCESSES)
        elif not has_init:
            yield Finding(service.name, {})


def check_crash_loop(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find containers that the engine's policy restarts again and again."""
    for service in proposal.stack.others():
        if service.restart_policy not in _RESTARTING:
            continue
        runs_shortly = service.run_s is None or service.run_s < SHORT_RUN_S
        loops = service.restart_count >= LOOP_RESTARTS and runs_shortly
        if service.status == "restarting" or loops:
            values = {
                "policy": service.restart_policy,
                "count": str(service.restart_count),
            }
            yield Finding(service.name, values)


def check_memory_limit(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find containers without a memory limit."""
    for service in proposal.services:
        if service.memory_limit_bytes == 0:
            yield Finding(service.name, {})


def check_unknown_zone(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find containers whose TZ names no time zone."""
    for service in proposal.stack.services:
        if service.time_zone and service.is_known_zone is False:
            yield Finding(service.name, {"zone": service.time_zone})


def check_different_zones(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find services that have another time zone than the first that sets one."""
    zones = [
        service
        for service in (*proposal.services, proposal.stack.sidecar)
        if service is not None and service.time_zone and service.is_known_zone
    ]
    for service in zones[1:]:
        if service.time_zone != zones[0].time_zone:
            values = {
                "zone": str(service.time_zone),
                "other": zones[0].name,
                "other_zone": str(zones[0].time_zone),
            }
            yield Finding(service.name, values)
