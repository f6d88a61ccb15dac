"""Texts of the keys of ``defaults`` and of one target, without its probes."""

from collections.abc import Mapping

from sidecar.config.file.model import (
    BusySection,
    Defaults,
    DrillSection,
    ObjectiveSection,
    PreventiveSection,
    RestartSection,
    RollingSection,
    TargetSection,
)
from sidecar.config.file.setting_types import Section
from sidecar.config.reference.key_text import NONE, KeyText, SectionTexts

_CRON = KeyText("minute hour day month weekday; with six fields the first is seconds")
_TIMEZONE = KeyText("the time zone of `cron`, as in the tz database", "`UTC`")

_SCHEDULE = {
    "interval": KeyText(
        "the time from the end of a probe to the next; three times that while only a "
        "person can help"
    ),
    "fast_interval": KeyText("the same, while failing or being verified"),
    "start_period": KeyText(
        "failures do not count for this long after a start, until the first success",
        "`1m`; `0s` where `docker` is the only probe",
    ),
    "failure_threshold": KeyText("the failures in a row that make the target down"),
    "success_threshold": KeyText("the successes in a row that make it healthy"),
}

TARGET_TEXTS: Mapping[type[Section], SectionTexts] = {
    Defaults: {
        **_SCHEDULE,
        "timeout": KeyText("the deadline of a whole probe"),
    },
    TargetSection: {
        "service": KeyText("the compose service", "the name of the target"),
        "container": KeyText("a container's name, instead of a service"),
        "probe": KeyText(
            "a probe, or a list of probes that must all succeed", "must be given"
        ),
        "depends_on": KeyText("the targets that this one needs; no circles"),
        "after_dependency": KeyText(
            "once its root works again: `if_failing` restarts the target only if it "
            "still fails; `always` restarts it also if it works, if the root was "
            "really away; `never` does not restart it for its root"
        ),
        "settle": KeyText(
            "the time it has to recover by itself after its root works again"
        ),
        **_SCHEDULE,
        "severity": KeyText("instead of the severity of the cause", "by cause"),
        "restart": KeyText("the settings and limits of restarts", "as below"),
        "rolling": KeyText("how several replicas are restarted", "as below"),
        "preventive": KeyText("a planned restart"),
        "recreate": KeyText(
            "if restarts do not help, replace the container by a new one with the same "
            "settings, once per incident"
        ),
        "busy": KeyText("how to ask the target whether it is busy"),
        "backup": KeyText("backups of the wallet files of a wallet daemon"),
        "objective": KeyText(
            "the times within which a fault is to be detected and healed; drills "
            "measure it",
            "as below",
        ),
        "drill": KeyText("planned drills"),
    },
    RestartSection: {
        "enabled": KeyText("`false`: the target is measured, and never restarted"),
        "budget": KeyText("the number of quick restarts within `window`"),
        "window": KeyText("the time in which quick restarts are counted"),
        "backoff": KeyText("the wait before the second quick restart; then it doubles"),
        "backoff_max": KeyText("the longest wait between quick restarts"),
        "stop_timeout": KeyText("the time that the container may take to stop"),
        "dead_stop_timeout": KeyText(
            "the same if the target was silent or refused, or has obeyed its stop by "
            "RPC"
        ),
        "recovery_timeout": KeyText(
            "the time that the target may take to be healthy again"
        ),
        "slow_lane": KeyText(
            "the waits before each later restart; after the last a person is needed"
        ),
        "graceful_rpc_stop": KeyText(
            "ask a wallet daemon to stop, before the engine does"
        ),
        "polite_stop": KeyText(
            "the time that Sidecar waits for a wallet daemon that may be alive before "
            "it sends a signal: for an answer, or until the daemon obeys RPC `stop`; a "
            "free daemon obeys at once"
        ),
        "self_restart_grace": KeyText(
            "when a daemon has gone: the time that the remaining processes in its "
            "container have to start it again, before the container is restarted; "
            "Sidecar does not wait if they sleep longer than that"
        ),
    },
    RollingSection: {
        "drain": KeyText(
            "before a replica that works is restarted: the longest time in which it "
            "is `draining`, so that a load balancer gives it no new requests and those "
            "in flight can end; it ends sooner if `busy` says free",
            "`0s`: it is not drained",
        ),
        "pause": KeyText(
            "the time from the recovery of a replica to the restart of the next"
        ),
    },
    PreventiveSection: {
        "cron": KeyText(
            _CRON.meaning,
            "must be given, unless `before_limit` or a probe's `on_match` asks",
        ),
        "timezone": _TIMEZONE,
        "jitter": KeyText(
            "delays each day's restart by a fixed part of this, different for each "
            "target and day"
        ),
        "skip_if_restarted_within": KeyText(
            "the planned restart is skipped if the target was restarted this recently"
        ),
        "before_limit": KeyText(
            "restart only at the last of the planned times before the memory reaches "
            "its limit, or right before the limit if there is none; needs a probe "
            "`memory`"
        ),
    },
    BusySection: {
        "url": KeyText("an address: an answer 2xx means free, 423 or 503 busy"),
        "command": KeyText(
            "run in the container: exit status 0 means free, 75 busy", NONE
        ),
        "max_wait": KeyText(
            "the longest wait; then the restart comes, also if no answer was clear; "
            "`0s`: never ask"
        ),
    },
    ObjectiveSection: {
        "detect": KeyText("the time from the fault until Sidecar has detected it"),
        "recover": KeyText(
            "the time from the fault, or from its end if the drill ends it, until the "
            "target works again"
        ),
    },
    DrillSection: {
        "cron": KeyText(f"{_CRON.meaning}; one hour or more between two drills"),
        "timezone": _TIMEZONE,
        "fault": KeyText("the fault of the drills"),
    },
}
