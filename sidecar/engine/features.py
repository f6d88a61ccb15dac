"""Features that need the engine; each call of ``calls.py`` belongs to one of them."""

from enum import Enum
from typing import NamedTuple, Self


class FeatureRule(NamedTuple):
    """Facts about a feature; its texts are cells of docs/engine-access.md (Markdown).

    ``use``: what its calls are for. ``without``: what happens if the engine, or a
    filter before it, refuses them.
    ``is_required``: without it nothing works; the others are optional.
    ``is_gated``: its calls are refused before they are sent, unless the settings or
    the command use the feature (``EngineConnection.features_in_use``).
    ``caution``: who needs it, and what it gives to whoever may send it. The example of
    a filter then leaves it out.
    """

    use: str
    without: str
    is_required: bool = False
    is_gated: bool = False
    caution: str = ""


class Feature(Enum):
    """In the order of docs/engine-access.md."""

    rule: FeatureRule

    def __new__(cls, name: str, rule: FeatureRule) -> Self:
        """A member with its rule; its value is the name alone."""
        member = object.__new__(cls)
        member._value_ = name
        member.rule = rule
        return member

    VERSION = (
        "version",
        FeatureRule(
            "agreeing on the API's version; without a prefix",
            "nothing works",
            is_required=True,
        ),
    )
    LIST = (
        "list",
        FeatureRule(
            "finding the stack's containers", "nothing works", is_required=True
        ),
    )
    INSPECT = (
        "inspect",
        FeatureRule(
            "state, labels, health, networks", "nothing works", is_required=True
        ),
    )
    RESTART = (
        "restart",
        FeatureRule("the remedy", "Sidecar can only watch: set `SIDECAR_MODE=observe`"),
    )
    IMAGE = (
        "image",
        FeatureRule(
            "when an image was built, for the [task](maintenance.md#tasks) "
            "`image_age`; and whether labels come from the image, for containers "
            "without compose's `com.docker.compose.image` (docker-compose v1, the "
            "SDK); not sent for others",
            "such containers are no members of the stack; the log says so once",
        ),
    )
    STOP_REPORT = (
        "stop_report",
        FeatureRule(
            "Podman alone: whether somebody stopped a container that has ended; never "
            "sent to Docker",
            "a container of Podman that may have been stopped stays as it is "
            "([engines.md](engines.md#whose-stop-it-was))",
        ),
    )
    EVENTS = (
        "events",
        FeatureRule(
            "acting at once when a container exits; knowing who stopped it; a stream "
            "that stays open",
            "degraded: Sidecar reads the list every 10 s, and distinguishes an "
            "operator's stop from a death [as well as "
            "possible](behaviour.md#whose-stop-it-was); `/readyz` says so",
        ),
    )
    STOP = (
        "stop",
        FeatureRule(
            "stopping again a container that an operator stopped while it was being "
            "restarted",
            "the container runs on, and Sidecar says so",
        ),
    )
    START = (
        "start",
        FeatureRule(
            "the remedy for a container that exited",
            "such containers stay down, and Sidecar notifies a person",
        ),
    )
    LOGS = (
        "logs",
        FeatureRule(
            "the last lines, kept with an incident; `sidecar logs`; with `?follow=1` "
            "`log` probes: an answer that stays open for as long as the container "
            "runs, one for each container with such a probe, 200 at most",
            "incidents without log lines; `sidecar logs` prints the refusal; after a "
            "minute a target with a `log` probe is `degraded`, with the refusal as "
            "its reason",
        ),
    )
    PROCESSES = (
        "processes",
        FeatureRule(
            "distinguishing a stopped process from a busy one, and a daemon that has "
            "gone from a daemon that only refuses",
            "a frozen daemon is restarted after `hang_after` instead of at once; a "
            "dead daemon in a container that goes on running is restarted after three "
            "failures; `sidecar doctor` does not know what PID 1 is",
        ),
    )
    CONTINUE = (
        "continue",
        FeatureRule(
            "continuing a stopped process (state T), so that a wallet daemon can be "
            "asked to stop and saves its addresses. No other signal is sent, except "
            "for a [drill](drills.md)",
            "a frozen wallet daemon is restarted as it is: addresses that it handed "
            "out since it last saved can be lost",
        ),
    )
    STATS = (
        "stats",
        FeatureRule(
            "memory: kept with an incident, and for the probe `memory`",
            "incidents without it; the probe `memory` measures nothing, and there is "
            "no forecast",
        ),
    )
    DOCTOR = (
        "doctor",
        FeatureRule(
            "`sidecar doctor` alone: the engine's time, and the folder whose disk is "
            "measured. `sidecar run` never sends it",
            "the hazards `clock_differs` and, on the host, `disk_nearly_full` are not "
            "judged",
            is_gated=True,
        ),
    )
    EXEC = (
        "exec",
        FeatureRule(
            "`exec` probes; [`busy.command`](configuration.md#busy); "
            "[hooks](configuration.md#hooks) of kind `exec`; measuring the disks of a "
            "container whose log says that one is full; continuing a stopped process "
            "that SIGCONT to the main process does not reach, for example below a "
            'wrapper script (`sh -c "kill -CONT -1"`)',
            "a target with an `exec` probe is `unknown`, with the refusal as its "
            "reason; a target with `busy.command` counts as free after `max_wait`; a "
            "[full disk](causes.md#disk_full) that only the log names is believed for "
            "10 min; such a hook never runs, which an error in the log says each time; "
            "a frozen daemon below a wrapper script is restarted as it is. Leave these "
            "out unless you use one of them: `exec` can do whatever the container can",
            caution="Only for probes and hooks of kind `exec`, and what else "
            "docs/engine-access.md names: whoever may send these can do whatever the "
            "container can.",
        ),
    )
    BACKUP = (
        "backup",
        FeatureRule(
            "[backups](backups.md) of wallet files: it reads one file of a container, "
            "whatever the file; sent only for targets with `backup`",
            "no backups, which `sidecar backup run` and the alert "
            "`SidecarNoProvenBackup` say; restarts are not held for a damaged wallet",
            is_gated=True,
            caution="Only for backups of wallets: whoever may send this can read any "
            "file of any container.",
        ),
    )
    RESTORE = (
        "restore",
        FeatureRule(
            "[`sidecar backup restore`](backups.md#restore), which puts a backup "
            "beside the wallet file. **It can write any file in any container**",
            "no backup is restored by Sidecar",
            is_gated=True,
            caution="Only for `sidecar backup restore`: whoever may send this can "
            "write any file in any container.",
        ),
    )
    CREATE = (
        "create",
        FeatureRule(
            "the [recreate](#recreate); the [restore test](backups.md#restore-test). "
            "**Root on the host for whoever can send it**",
            "no recreate; no restore test: backups are proven by parsing them, and "
            "say so",
            is_gated=True,
            caution="Only for `recreate` and restore tests: whoever may send these is "
            "root on the host.",
        ),
    )
    RESTORE_TEST = (
        "restore_test",
        FeatureRule(
            "the [restore test](backups.md#restore-test), which also needs the calls "
            "above for create and for `/exec`",
            "no restore test: backups are proven by parsing them, and say so",
            is_gated=True,
            caution="Only for restore tests, in containers that Sidecar made for them, "
            "together with the lines above for create and for /exec.",
        ),
    )
    RECREATE = (
        "recreate",
        FeatureRule(
            "the [recreate](#recreate) alone: whether files of the container itself "
            "would be lost; setting the old container aside, and back",
            "no recreate: people are told why, and restarts go on in its place",
            is_gated=True,
            caution="Only for `recreate`, together with the lines above for create.",
        ),
    )
    CONNECT = (
        "connect",
        FeatureRule(
            "the [recreate](#recreate): further networks of the new container; the "
            "[drill](drills.md) `netcut`: its undo",
            "no recreate of a container with several networks; the drill `netcut` is "
            "refused, and says why",
            is_gated=True,
            caution="Only for `recreate` and for the drill `netcut`: whoever may send "
            "this can put any container into any network.",
        ),
    )
    DRILL = (
        "drill",
        FeatureRule(
            "[drills](drills.md) alone: killing a container, stopping its main "
            "process, pausing it, cutting it off, and ending that. Refused unless a "
            "drill was requested since the start",
            "the drills `kill`, `hang`, `pause` and `netcut` are refused, each if its "
            "own call or that of its undo is: people read why, and nothing is touched",
            is_gated=True,
            caution="Only for drills: whoever may send these can kill, pause or cut "
            "off any container.",
        ),
    )
    SERVICES = (
        "services",
        FeatureRule(
            "[Docker Swarm](swarm.md) alone: finding the services of the stack and "
            "their tasks. The settings of all services of the swarm can be read by it",
            "nothing works in a swarm",
            is_gated=True,
            caution="Only for Docker Swarm.",
        ),
    )
    SERVICE_UPDATE = (
        "service_update",
        FeatureRule(
            "[Docker Swarm](swarm.md) alone: the forced update, which is the remedy "
            "there. **Root on every host of the swarm for whoever can send it**: an "
            "update can change the image and the mounts of a service",
            "Sidecar can only watch, and notifies a person: set `SIDECAR_MODE=observe`",
            is_gated=True,
            caution="Only for Docker Swarm: whoever may send this is root on every "
            "host of the swarm.",
        ),
    )


ALL_FEATURES = frozenset(Feature)
