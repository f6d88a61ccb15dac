"""Lifting of the guards' objections: what lifts each one, and whether time does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.guard import Guard


class Lifting(NamedTuple):
    """The event that lifts a guard's objection.

    ``text`` fits after "it is lifted when"; ``{target}`` is the name of the instance.
    ``is_timed``: time alone may lift it.
    """

    text: str
    is_timed: bool = False


LIFTINGS: Mapping[Guard, Lifting] = MappingProxyType(
    {
        Guard.OPTED_OUT: Lifting(
            "restart.enabled is true for this target, and the file is loaded again: "
            "sidecar reload"
        ),
        Guard.PAUSED: Lifting(
            "an operator resumes it (sidecar resume {target}), or the pause ends",
            is_timed=True,
        ),
        Guard.MAINTENANCE: Lifting(
            "the maintenance window ends; sidecar restart {target} --now does not wait",
            is_timed=True,
        ),
        Guard.LEASE: Lifting(
            "this watchdog holds the lease; the one that holds it acts meanwhile "
            "(docs/several-watchdogs.md)"
        ),
        Guard.ENGINE: Lifting(
            "the engine answers again, with a new list of containers"
        ),
        Guard.FORBIDDEN: Lifting(
            "the filter before the engine allows the request "
            "(docs/engine-access.md); sidecar restart {target} asks the engine again",
            is_timed=True,
        ),
        Guard.WALLET_FILE: Lifting(
            "the wallet file is sound again: restore it from a backup (sidecar backup "
            "list {target}); sidecar backup run {target} --accept takes the file as it "
            "is, sidecar restart {target} --now restarts it all the same"
        ),
        Guard.OWN_NETWORK: Lifting("Sidecar reaches its targets again"),
        Guard.STOPPING: Lifting("the stop has ended", is_timed=True),
        Guard.STARTING: Lifting(
            "the start period ends, or the target answers well", is_timed=True
        ),
        Guard.ENGINE_POLICY: Lifting(
            "the engine has started the container by its own restart policy, or has "
            "not done so in time",
            is_timed=True,
        ),
        Guard.SELF_RESTART: Lifting(
            "the supervisor has started the process again, or self_restart_grace ends",
            is_timed=True,
        ),
        Guard.HOST: Lifting(
            "the disk has space again, or the host is not overloaded any more; "
            "sidecar restart {target} does not wait for that"
        ),
        Guard.REMEDY_RUNNING: Lifting(
            "the remedy that runs now has ended; sidecar release gives it up"
        ),
        Guard.DEPENDENCY: Lifting(
            "the dependency works, and the time to follow it (settle) has passed",
            is_timed=True,
        ),
        Guard.DRAINING: Lifting(
            "the other replicas work, and rolling.pause has passed since the last "
            "restart; sidecar restart {target} does not wait for that",
            is_timed=True,
        ),
        Guard.RATE_LIMIT: Lifting(
            "earlier restarts are older than an hour; "
            "sidecar restart {target} --now does not wait for that",
            is_timed=True,
        ),
        Guard.INEFFECTIVE: Lifting(
            "a person has repaired the cause; sidecar restart {target} restarts it "
            "all the same"
        ),
        Guard.BACKOFF: Lifting(
            "the wait between two tries ends; sidecar restart {target} does not wait",
            is_timed=True,
        ),
        Guard.BUDGET: Lifting(
            "the wait of the lane ends; sidecar recover {target} forgets used tries",
            is_timed=True,
        ),
        Guard.RECENTLY_RESTARTED: Lifting(
            "preventive.skip_if_restarted_within has passed since the last restart; "
            "it holds planned restarts only",
            is_timed=True,
        ),
        Guard.BUSY: Lifting(
            "the busy target answers that it is free, or busy.max_wait has passed; "
            "sidecar restart {target} does not ask",
            is_timed=True,
        ),
        Guard.OBSERVE: Lifting(
            "the mode is act (SIDECAR_MODE=act, or mode: act in the file) on a Docker "
            "engine"
        ),
    }
)
