"""What the parts of an application share: its engine, its store, its texts."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from sidecar.core.model.state import State
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.own_container import OwnView
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_catalog import MessageCatalog
from sidecar.storage.store import SqliteStore
from sidecar.telemetry.secret_mask import Mask


class EngineContext(NamedTuple):
    """Where we act; ``own_id`` is our own container, empty outside one."""

    engine: DockerEngine
    stack: str
    own_id: str
    own: OwnView
    link: EngineConnection
    own_name: str = ""


class RestoredStore(NamedTuple):
    """What survives us, and what a predecessor left."""

    store: SqliteStore
    state: State


class MessageContext(NamedTuple):
    """What texts and links are made of; read from files before the loop runs.

    ``mask`` takes secrets out of what others say.
    """

    words: MessageCatalog
    zone: ZoneInfo
    signer: Signer
    mask: Mask
    host: str
    takes_orders: bool
