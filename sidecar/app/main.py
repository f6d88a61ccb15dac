"""`sidecar run`: from the command line to a running application and its exit status."""

import asyncio
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from sidecar import __version__
from sidecar.app.application import Application
from sidecar.app.contexts import (
    EngineContext,
    MessageContext,
    RestoredStore,
)
from sidecar.app.engine_opening import open_engine
from sidecar.app.identity import (
    StackUnknown,
    find_host_name,
    find_stack,
    wait_for_own_container,
)
from sidecar.app.metrics_holder import MetricsHolder
from sidecar.app.settings_reload import (
    join_problems,
    keep_last_good,
)
from sidecar.clock import SystemClock
from sidecar.config.file.last_good import (
    LoadedSettings,
    load_or_last_good,
)
from sidecar.config.problem import ConfigError
from sidecar.config.settings import Settings
from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.state import State
from sidecar.core.ports.storage import StoreInUse, StoreUnavailable
from sidecar.core.recovery.takeover import presume_restarts, restore_state
from sidecar.engine.docker_host import BadEngineAddress
from sidecar.engine.operations import CALL_STATUSES, OPERATIONS
from sidecar.engine.own_container import OwnView
from sidecar.notify.link_signer import Signer, new_key, own_key
from sidecar.notify.message_catalog import read_catalog
from sidecar.schedule.windows import find_periods
from sidecar.storage.store import SqliteStore, open_store
from sidecar.telemetry.event_log import log_restored
from sidecar.telemetry.log import LogFormat, configure, is_journal
from sidecar.telemetry.secret_mask import Mask

DONE = 0
FAILED = 1
BAD_CONFIGURATION = 2
IN_USE = 3

SWITCH_S = 0.0005
"""Seconds that another thread (a report, the store) may delay the event loop."""


def run(file: Path | None) -> int:
    """``sidecar run``: watch until SIGTERM or SIGINT; returns the exit status."""
    # A SIGHUP that arrives before its handler is set must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        loaded = load_or_last_good(os.environ, file)
    except ConfigError as faults:
        sys.stderr.write(f"{faults}\n")
        return BAD_CONFIGURATION
    settings = loaded.settings
    mask = Mask(settings.secrets)
    configure(settings.log_level, _log_format(settings), mask)
    _log_loaded(loaded)
    sys.setswitchinterval(SWITCH_S)
    try:
        asyncio.run(_serve(loaded, _message_context(settings, mask), file))
    except (StackUnknown, BadEngineAddress) as error:
        logger.error("{}", error)
        return BAD_CONFIGURATION
    except StoreInUse as error:
        logger.error("{}", error)
        return IN_USE
    except StoreUnavailable as error:
        logger.error("{}", error)
        return FAILED
    except OSError as error:
        logger.error(
            "cannot listen on {}:{}: {}",
            settings.listen_host,
            settings.listen_port,
            error.strerror or error,
        )
        return FAILED
    return DONE


def _log_loaded(loaded: LoadedSettings) -> None:
    for warning in loaded.settings.warnings:
        logger.warning("{}", warning)
    for fault in loaded.faults:
        logger.error(
            "the file has a fault, the last good settings are in force: {}", fault.line
        )


def _log_format(settings: Settings) -> LogFormat:
    if settings.log_format is not None:
        return LogFormat(settings.log_format)
    is_read_by_people = sys.stderr.isatty() or is_journal(sys.stderr)
    return LogFormat.TEXT if is_read_by_people else LogFormat.JSON


def _message_context(settings: Settings, mask: Mask) -> MessageContext:
    folder = settings.state_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = own_key(folder / "ack.key")
    except OSError as error:
        logger.error(
            "the key of the links in messages cannot be kept in {} ({}): a link is "
            "valid until the sidecar ends",
            folder,
            error.strerror or error,
        )
        key = new_key()
    words = read_catalog(settings.language)
    zone = ZoneInfo(settings.notify.timezone)
    has_control_socket = os.access(folder, os.W_OK)
    takes_orders = settings.api_token is not None or has_control_socket
    return MessageContext(
        words, zone, Signer(key), mask, find_host_name(settings), takes_orders, folder
    )


async def _serve(
    loaded: LoadedSettings, texts: MessageContext, file: Path | None
) -> None:
    settings = loaded.settings
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, changed.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = MetricsHolder()
    asking = asyncio.create_task(wait_for_own_container(settings, texts.mask))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        asking.cancel()
        return
    own = asking.result()
    stack = find_stack(settings, own)
    metrics.metrics.register_engine_calls(OPERATIONS, CALL_STATUSES)
    logger.info(
        "sidecar {} watches the stack {} in mode {}",
        __version__,
        stack,
        settings.mode,
    )
    own_id = own.id if own is not None else ""
    store = await open_store(settings.state_dir, SystemClock())
    if not loaded.faults:
        await asyncio.to_thread(keep_last_good, settings)
    observer = metrics.metrics.engine_request
    engine, link = open_engine(settings, own, observer, texts.mask)
    own_name = own.name if own is not None else ""
    state = replace(
        await _load_state(store, loaded),
        lease=_initial_lease(settings, own_name),
    )
    # Commands name it in the compose project of the targets, so only if it is there.
    own_service = own.service if own is not None and own.stack == stack else ""
    context = EngineContext(
        engine, stack, own_id, OwnView(link, own_id), link, own_name, own_service
    )
    app = Application(
        settings, context, RestoredStore(store, state), metrics, texts, file
    )
    await app.run(stop, changed)


def _initial_lease(settings: Settings, own_name: str) -> LeaseStatus | None:
    """The lease before Redis was asked; None: this watchdog is alone."""
    if settings.cluster is None:
        return None
    return LeaseStatus(settings.cluster, own_name or socket.gethostname())


async def _load_state(store: SqliteStore, loaded: LoadedSettings) -> State:
    now, settings = SystemClock().now(), loaded.settings
    saved = await store.load()
    state = State(started=now)
    if saved is not None and store.saved_at is not None:
        state = restore_state(saved, store.saved_at, now)
        log_restored(state)
    if store.doubt:
        state = presume_restarts(state, store.doubt)
    view = replace(state.settings, faults=join_problems(loaded.faults), since=now)
    return replace(
        state,
        mode=settings.mode,
        notify=settings.notify,
        settings=view,
        windows=find_periods(settings.windows, now.wall),
    )
