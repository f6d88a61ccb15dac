"""A damaged wallet file on disk: restarts are held, and an incident is opened.

A running daemon works on with its copy in memory; a restart would make it read the
damaged file.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.transition import IncidentChanged, IncidentStep
from sidecar.core.model.update import (
    Update,
    no_update,
    replace_incident,
    update_instance,
)
from sidecar.core.model.wallet_file import WalletDamage
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


def note_check(state: State, instance: Instance, damage: Reason, at: Moment) -> Update:
    """Note the result of a check of the wallet files; NO_REASON: they are sound."""
    known_damage = instance.wallet_damage
    if not damage:
        return end_damage(state, instance, at)
    if known_damage is not None and known_damage.reason == damage:
        return no_update(state)
    since_wall = known_damage.since_wall if known_damage is not None else at.wall
    noted = replace(instance, wallet_damage=WalletDamage(damage, since_wall))
    incident = _open_incident(state, instance)
    if incident is not None:
        update = update_instance(state, noted)
        renewed = replace(incident, detail=damage)
        return update._replace(state=replace_incident(update.state, renewed))
    incident = Incident(
        new_id(f"{instance.name}/wallet", at),
        instance.name,
        Cause.WALLET_DAMAGED,
        CAUSES[Cause.WALLET_DAMAGED].severity,
        at,
        detail=damage,
    )
    opened = IncidentChanged(
        at,
        incident.id,
        IncidentStep.OPENED,
        instance.name,
        Reason.of(R.INCIDENT_OF_WALLET_FILE, root=instance.name, reason=damage),
    )
    update = update_instance(state, noted, opened)
    return update._replace(state=replace_incident(update.state, incident))


def end_damage(state: State, instance: Instance, at: Moment) -> Update:
    """Forget the damage of the wallet files, and resolve its incident."""
    if instance.wallet_damage is None:
        return no_update(state)
    sound = replace(instance, wallet_damage=None)
    incident = _open_incident(state, instance)
    if incident is None:
        return update_instance(state, sound)
    lasted_s = max(0.0, at.wall - incident.since_wall)
    reason = Reason.of(R.WALLET_FILE_SOUND, root=instance.name, seconds=lasted_s)
    resolved = IncidentChanged(
        at, incident.id, IncidentStep.RESOLVED, instance.name, reason
    )
    update = update_instance(state, sound, resolved)
    ended = replace(incident, resolved_at=at)
    return update._replace(state=replace_incident(update.state, ended))


def forget_unwatched(instance: Instance, target: Target) -> Instance:
    """Forget the damage of a file that nobody looks at any more: without backups."""
    if instance.wallet_damage is None or target.backup is not None:
        return instance
    return replace(instance, wallet_damage=None)


def _open_incident(state: State, instance: Instance) -> Incident | None:
    return next(
        (
            incident
            for incident in state.incidents.values()
            if incident.open
            and incident.cause is Cause.WALLET_DAMAGED
            and incident.target == instance.name
        ),
        None,
    )
