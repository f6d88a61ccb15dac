"""Replacements of a container that have not ended: compose's, or our own."""

from sidecar.core.model.instance import Instance, Redeploy
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.restart_overlap import RestartOverlap


def note_replacements(
    instance: Instance, redeploy: str | None, set_aside: str | None, at: Moment
) -> Instance:
    """Note the name of compose's new container, and of the one that we set aside.

    None: there is none.
    """
    if instance.set_aside != (set_aside or ""):
        instance = replace(instance, set_aside=set_aside or "")
    return _note_redeploy(instance, redeploy, at)


def _note_redeploy(instance: Instance, name: str | None, at: Moment) -> Instance:
    redeploy = instance.redeploy
    if name == (redeploy.name if redeploy is not None else None):
        return instance
    if name is None:
        return replace(instance, redeploy=None)
    # A redeploy begins with a stop, too, which must not be repeated.
    return replace(instance, redeploy=Redeploy(name, at), overlap=RestartOverlap())
