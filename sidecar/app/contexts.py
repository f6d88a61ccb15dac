"""Contexts that the parts of an application share: engine, store, message texts."""

from pathlib import Path
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
    """The engine and the stack; ``own_id``: Sidecar's own container, "" outside one."""

    engine: DockerEngine
    stack: str
    own_id: str
    own: OwnView
    link: EngineConnection
    own_name: str = ""
    own_service: str = ""


class RestoredStore(NamedTuple):
    """The store, and the state that an earlier run of Sidecar saved in it."""

    store: SqliteStore
    state: State


class MessageContext(NamedTuple):
    """Data for message texts and links; read from files before the loop runs.

    ``mask`` removes secrets from foreign texts. ``takes_orders``: commands in messages
    can change something, over the control socket or with the API token.
    """

    words: MessageCatalog
    zone: ZoneInfo
    signer: Signer
    mask: Mask
    host: str
    takes_orders: bool
    state_dir: Path
