"""Membership of a container in a stack, proven by what an image cannot contain.

A container's labels are those of its image with those of its creation over them. So
a foreign image can claim any stack and service. Compose writes the image's digest
to a label when it creates a container; no image contains its own digest. Where
something else created it, the labels must not be those of the image.
"""

from collections.abc import Mapping

from sidecar.core.ports.engine import EngineError, EngineRefused
from sidecar.engine import containers
from sidecar.engine.client import Client
from sidecar.engine.containers import IDENTITY_LABELS, OwnerClaim
from sidecar.engine.errors import TRANSLATED_ERRORS, engine_error

DIGEST_LABEL = "com.docker.compose.image"
_BY_COMPOSE = (DIGEST_LABEL, "com.docker.compose.config-hash")
"""Labels that compose sets on containers, and on no image that it builds."""
_PREFIX = "sha256:"
_SHOWN = 60
_REMEMBERED = 4096


class Membership:
    """Judges containers for one stack; used by several threads at once.

    The labels and the image of a container never change: a proof is made once.
    """

    def __init__(self, stack: str) -> None:
        self.stack = stack
        self._proven: set[str] = set()
        self._baked: dict[str, Mapping[str, str]] = {}

    def objection(self, client: Client, claim: OwnerClaim) -> str:
        """The reason why a container is not of the stack; '': it is.

        Raises what the client raises where the engine does not answer.
        """
        if claim.stack != self.stack:
            whose = repr(claim.stack[:_SHOWN]) if claim.stack else ""
            belongs = f"to the stack {whose}" if whose else "to no stack"
            return f"it belongs {belongs}, not to {self.stack!r}"
        if claim.id in self._proven or _has_digest(claim):
            return ""
        why = self._image_objection(client, claim)
        if not why:
            _make_room(self._proven)
            self._proven.add(claim.id)
        return why

    def _image_objection(self, client: Client, claim: OwnerClaim) -> str:
        if not claim.image_id:
            return ""
        try:
            baked = self._labels_of(client, claim.image_id)
        except (*TRANSLATED_ERRORS, EngineError) as error:
            refused = engine_error(error)
            if not isinstance(refused, EngineRefused):
                raise
            return (
                f"it has no label {DIGEST_LABEL} of compose, and whether its other "
                f"labels are its image's cannot be seen: {refused}; allow "
                "GET /images/{image}/json, see docs/engine-access.md"
            )
        return _comes_from_image(claim, baked)

    def _labels_of(self, client: Client, image_id: str) -> Mapping[str, str]:
        labels = self._baked.get(image_id)
        if labels is None:
            raw: object = client.inspect_image(image_id)  # type: ignore[no-untyped-call]
            labels = containers.read_image_labels(raw)
            _make_room(self._baked)
            self._baked[image_id] = labels
        return labels


def _make_room(cache: set[str] | dict[str, Mapping[str, str]]) -> None:
    if len(cache) >= _REMEMBERED:
        cache.clear()


def _has_digest(claim: OwnerClaim) -> bool:
    noted = claim.labels.get(DIGEST_LABEL, "").removeprefix(_PREFIX)
    return bool(noted) and noted == claim.image_id.removeprefix(_PREFIX)


def _comes_from_image(claim: OwnerClaim, baked: Mapping[str, str]) -> str:
    """The objection that an identity label may be the image's; '': none.

    A label that only compose sets, and that the image lacks, shows that compose made
    the container and wrote its identity. This holds for the digest too, where an
    engine names the image by another one. Images built by compose have an identity.
    """
    for label in _BY_COMPOSE:
        value = claim.labels.get(label)
        if value is not None and baked.get(label) != value:
            return ""
    for label in IDENTITY_LABELS:
        value = claim.labels.get(label)
        if value is not None and baked.get(label) == value:
            return f"its label {label} is that of its image, which anybody can make"
    return ""
