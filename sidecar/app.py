"""The composition root: the only file that sees everything. Wired by hand."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from loguru import logger
from prometheus_client import CollectorRegistry
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from sidecar import __version__
from sidecar.clock import SystemClock
from sidecar.config.check.healthcheck import without_healthcheck
from sidecar.config.duration import parse_seconds
from sidecar.config.file.last_good import (
    LoadedSettings,
    keep_settings,
    load_or_last_good,
)
from sidecar.config.labels.targets import targets_in_force
from sidecar.config.load import load
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.secrets import secrets_of
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event, SettingsApplied, SettingsRefused
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.probe_result import ProbeResult, probe_failure
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Mode, Target
from sidecar.core.model.transition import Transition
from sidecar.core.ports.engine import EngineError
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.core.ports.storage import Outbox, StoreInUse, StoreUnavailable
from sidecar.core.recovery.takeover import presume_restarts, restore_state
from sidecar.core.status.assignment import assign
from sidecar.core.status.assignment_doubts import assignment_doubts
from sidecar.core.status.network_reach import find_surroundings
from sidecar.engine.connection import CALL_STATUSES, OPERATIONS, EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.docker_host import BadEngineAddress
from sidecar.engine.own_container import OwnContainer, OwnView, find_own_container
from sidecar.engine.projects import projects_seen
from sidecar.engine.watcher import EngineWatcher
from sidecar.host import open_view
from sidecar.notify.apprise_channel import AppriseChannel
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import Channel, DeliveryStatus
from sidecar.notify.dispatcher import Dispatcher, OnAttempt
from sidecar.notify.heartbeat import Heartbeat
from sidecar.notify.hooks import hook_channel
from sidecar.notify.http_sender import HttpSender
from sidecar.notify.installation import Installation
from sidecar.notify.link_signer import Signer, new_key, own_key
from sidecar.notify.message_catalog import MessageCatalog, read_catalog
from sidecar.notify.render import Links, Renderer
from sidecar.probes.probe_target import probe_target
from sidecar.probes.prober import ProbeRunner
from sidecar.probes.scheduler import (
    SILENCE_S,
    VISIBLE_SILENCE_S,
    IntervalProbeScheduler,
)
from sidecar.remedies.executor import Executor
from sidecar.remedies.process_watcher import ProcessWatcher
from sidecar.schedule.planner import Planner
from sidecar.storage.store import SqliteStore, open_store
from sidecar.telemetry.event_feed import EventFeed
from sidecar.telemetry.event_log import EventLog, log_restored
from sidecar.telemetry.log import LogFormat, configure
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.recent_probes import RecentProbes
from sidecar.telemetry.secret_mask import Mask
from sidecar.watchdog import Watchdog
from sidecar.web.routes.acknowledge import NotificationServices
from sidecar.web.server import WebServer
from sidecar.web.services import ApiServices

DONE = 0
FAILED = 1
BAD_CONFIGURATION = 2
IN_USE = 3

STALLED_S = 10.0
"""A loop that did not turn for that long is not alive."""

OVERSLEPT_S = 60.0
"""The schedule is looked at every 30 s."""

DRAIN_S = 10.0
ALIVE_EVERY_S = 10.0
PRUNE_EVERY_S = 86_400.0
FAULTS_SAID = 10
"""Of the faults of labels; the log has them all."""

SETTLED_S = 60.0
"""By then everything is there that stays."""

YOUNG_OBJECTS = 10_000
"""That many more than before, and the garbage among them is looked for."""

SWITCH_S = 0.0005
"""How long another thread may keep the loop waiting: a report, the store."""


FAULTS_TOLD = 20
"""Of a file; the log has them all."""


_IN_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))


class NoStack(Exception):
    """It is not known in which compose project to act."""


class Place(NamedTuple):
    """Where we act; ``own_id`` is our own container, empty outside one."""

    engine: DockerEngine
    stack: str
    own_id: str
    own: OwnView
    link: EngineConnection
    own_name: str = ""


class Memory(NamedTuple):
    """What survives us, and what a predecessor left."""

    store: SqliteStore
    state: State


class Voice(NamedTuple):
    """What texts and links are made of; read from files before the loop runs.

    ``mask`` takes secrets out of what others say.
    """

    words: MessageCatalog
    zone: ZoneInfo
    signer: Signer
    mask: Mask
    host: str
    takes_orders: bool


class Enforced(NamedTuple):
    """The targets, and what of them is refused.

    ``are_ours``: some of the faults are about targets that the file declares.
    """

    targets: tuple[Target, ...]
    faults: tuple[ConfigProblem, ...]
    are_ours: bool


class People:
    """Everything by which people are told, and answer."""

    def __init__(
        self,
        settings: NotifySettings,
        voice: Voice,
        place: Place,
        outbox: Outbox,
        on_attempt: OnAttempt,
        state: Callable[[], State],
    ) -> None:
        self._place = place
        self._outbox = outbox
        self._on_attempt = on_attempt
        self._state = state
        self._changed = asyncio.Event()
        self._equip(settings, voice)

    def _equip(self, settings: NotifySettings, voice: Voice) -> None:
        self._settings = settings
        self._poster = HttpSender()
        self._outside = HttpSender(through_proxy=True)
        url = settings.public_url
        links = Links(url, voice.signer.token) if url is not None else None
        stack, own = self._place.stack, self._place.own_name
        installation = Installation(stack, voice.host, own, voice.takes_orders)
        render = Renderer(voice.words, voice.zone, installation, links)
        channels: list[Channel] = [
            AppriseChannel(channel, render, os.environ) for channel in settings.channels
        ]
        engine, find, mask = self._place.engine, self._container_id, voice.mask
        channels += [
            hook_channel(n, hook, self._poster, engine, find, mask)
            for n, hook in enumerate(settings.hooks)
        ]
        clock = SystemClock()
        news = CurrentIncidents(self._state, clock)
        self.runner = Dispatcher(self._outbox, channels, clock, self._on_attempt, news)

    def _container_id(self, name: str) -> str | None:
        held = (instance.container for instance in self._state().instances.values())
        found = (c.id for c in held if c is not None and name in {c.name, c.service})
        return next(found, None)

    def tell(
        self,
        event: Event,  # noqa: ARG002 - every message comes with a transition
        transitions: tuple[Transition, ...],
        decisions: tuple[Decision, ...],
        state: State,  # noqa: ARG002
    ) -> None:
        """Wake the senders: there may be something new in the outbox."""
        if transitions or decisions:
            self.runner.nudge()

    async def run(self, trouble: Callable[[], str]) -> None:
        """Send, and say outside that we live, until cancelled."""
        while True:
            self._changed.clear()
            posters = (self._poster, self._outside)
            async with asyncio.TaskGroup() as tasks:
                working = [
                    tasks.create_task(self.runner.run()),
                    tasks.create_task(self._beat(trouble)),
                ]
                await self._changed.wait()
                for task in working:
                    task.cancel()
            for poster in posters:
                await poster.close()

    async def test(self, channel: str) -> str:
        """Send a test message; what went wrong, or nothing. UnknownChannel."""
        return await self.runner.test(channel)

    async def take(self, settings: NotifySettings, voice: Voice) -> None:
        """Go on with these settings; what is being sent is let end."""
        await self.runner.drain(DRAIN_S)
        self._equip(settings, voice)
        self._changed.set()

    async def _beat(self, trouble: Callable[[], str]) -> None:
        if self._settings.heartbeat is not None:
            await Heartbeat(self._settings.heartbeat, trouble, self._outside).run()

    async def close(self) -> None:
        """Nothing is sent any more."""
        await self._poster.close()
        await self._outside.close()


class App:
    """One sidecar, from its settings to its parts."""

    def __init__(
        self,
        settings: Settings,
        place: Place,
        memory: Memory,
        metrics: "MetricsRoom",
        voice: Voice,
        file: Path | None,
    ) -> None:
        mask = voice.mask
        self._file = file
        self._voice = voice
        self._place = place
        self._looked_around = False
        self._reloading = asyncio.Lock()
        clock = SystemClock()
        engine = place.engine
        self._people = People(
            settings.notify,
            voice,
            place,
            memory.store.outbox,
            metrics.metrics.notified,
            lambda: self._watchdog.state,
        )
        self._store = memory.store
        self._settings = settings
        self._mask = mask
        self._clock = clock
        self._engine = engine
        self._metrics = metrics.metrics
        self._metrics.notifies(self._people.runner.channels, DeliveryStatus)
        self._in_force = Enforced((), (), are_ours=False)
        self._feed = EventFeed()
        self._planner = Planner(clock, self.post)
        metrics.planned = lambda: self._planner.upcoming(1)
        self._prober = ProbeRunner(engine, clock, mask=mask, own=place.own.now)
        self._host = open_view(self._has_died)
        self._onlooker = ProcessWatcher(
            engine,
            clock,
            self.post,
            mask,
            sight=self._host,
            on_known=self._host.follow if self._host else lambda *_: None,
        )
        self._pacer = IntervalProbeScheduler(
            self._prober,
            self.post,
            clock,
            self._metrics.loop_lag,
            self._onlooker.look_at_silent,
            self._silence_s,
        )
        probed = RecentProbes()
        self._executor = self._remedies(probed)
        self._watchdog = Watchdog(
            state=memory.state,
            clock=clock,
            store=memory.store,
            tellers=(
                self._metrics,
                EventLog(),
                self._feed,
                probed,
                self._people,
                self._onlooker,
            ),
            probing=self._pacer,
            remedies=self._executor,
        )
        self._pump = EngineWatcher(
            engine,
            clock,
            self.post,
            self._targets_of,
            place.own_id,
            other_engine=lambda: place.link.other_engine,
        )
        self._answers = NotificationServices(
            voice.signer.channel_of,
            voice.words,
            settings.language,
            self._people.test,
        )
        self._web = WebServer(
            self._desk(place.stack),
            settings.listen_host,
            settings.listen_port,
            notify=self._answers,
        )

    @cached_property
    def _labels_reader(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "labels")

    def post(self, event: Event) -> None:
        """Into the loop's queue."""
        self._watchdog.post(event)

    def _remedies(self, probed: RecentProbes) -> Executor:
        executor = Executor(
            self._engine,
            self._prober.wallet_control,
            self.post,
            self._clock,
            mask=self._mask,
            recent_probes=probed.of,
        )
        executor.sight = self._host
        return executor

    def _has_died(self, who: InstanceId) -> None:
        """All that served in it has ended: the kernel told so."""
        self._onlooker.forget(who)
        self._pacer.hurry(who)

    def _silence_s(self, who: InstanceId) -> float:
        """To look costs nothing where the host's processes are seen."""
        is_seen = self._host is not None and self._host.follows(who)
        return VISIBLE_SILENCE_S if is_seen else SILENCE_S

    async def run(self, stop: asyncio.Event, changed: asyncio.Event) -> None:
        """Watch until ``stop`` is set; OSError where the address is taken.

        ``changed`` is set when the configuration file is to be read again.
        """
        await self._web.start()
        self._metrics.config_loaded(self._clock.now().wall)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._watchdog.run()),
                    tasks.create_task(self._pump.run()),
                    tasks.create_task(self._planner.run()),
                    tasks.create_task(self._keep_house()),
                    tasks.create_task(self._settle()),
                    tasks.create_task(self._people.run(self._trouble)),
                    tasks.create_task(self._reload_when(changed)),
                ]
                await stop.wait()
                logger.info("asked to stop: finishing what is under way")
                await asyncio.gather(
                    self._executor.drain(DRAIN_S), self._people.runner.drain(DRAIN_S)
                )
                for task in running:
                    task.cancel()
        finally:
            await self._people.close()
            await self._pacer.close()
            await self._onlooker.close()
            if self._host is not None:
                self._host.close()
            await self._web.stop()
            await self._prober.close()
            await self._engine.close()
            self._labels_reader.shutdown(wait=False)
            await self._store.close()

    async def _reload_when(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await self._reload()
            except Exception:  # noqa: BLE001  no reload may end the watch
                logger.exception(
                    "the file could not be read again; all goes on as it is"
                )

    async def _reload(self) -> tuple[str, ...]:
        """Take the file as it is now. Its faults, a line each: nothing was changed."""
        async with self._reloading:
            try:
                settings, voice = await asyncio.to_thread(self._read_again)
            except ConfigError as refused:
                return self._refuse_reload(refused.faults)
            await self._take(settings, voice)
        return ()

    def _refuse_reload(self, faults: tuple[ConfigProblem, ...]) -> tuple[str, ...]:
        for fault in faults:
            logger.error(
                "the file is not taken, what is in force stays: {}", fault.line
            )
        self.post(SettingsRefused(self._clock.now(), _in_lines(faults)))
        return tuple(fault.line for fault in faults)

    def _read_again(self) -> tuple[Settings, Voice]:
        settings = load(os.environ, self._file)
        if settings.stack not in {self._settings.stack, self._place.stack}:
            hint = "another stack needs a restart of Sidecar"
            found = repr(settings.stack) if settings.stack else "nothing"
            raise ConfigError(
                [ConfigProblem("stack", found, repr(self._place.stack), hint)]
            )
        _keep(settings)
        words = read_catalog(settings.language)
        zone = ZoneInfo(settings.notify.timezone)
        host = _host_of(settings)
        return settings, self._voice._replace(words=words, zone=zone, host=host)

    async def _take(self, settings: Settings, voice: Voice) -> None:
        self._mask.learn(settings.secrets)
        self._settings = settings
        self._answers.words, self._answers.language = voice.words, settings.language
        now = self._clock.now()
        self.post(SettingsApplied(now, settings.mode, settings.notify))
        self._pump.nudge()
        await self._people.take(settings.notify, voice)
        self._metrics.notifies(self._people.runner.channels, DeliveryStatus)
        self._metrics.config_loaded(now.wall)
        for warning in settings.warnings:
            logger.warning("{}", warning)
        logger.info("the configuration file was read again and is in force")

    def _trouble(self) -> str:
        """What the heartbeat has to confess: a loop or an engine that is lost."""
        parts = (self._liveness(), *self._pump.components())
        said = (f"{c.name}: {c.reason}" for c in parts if not c.ok)
        return "; ".join(said)

    async def _keep_house(self) -> None:
        """Note that we are alive, and once a day forget what is old."""
        pruned_mono = -PRUNE_EVERY_S
        while True:
            now = self._clock.now()
            await self._store.note_alive(now.wall)
            if now.mono - pruned_mono >= PRUNE_EVERY_S:
                pruned_mono = now.mono
                await self._prune(now.wall, self._settings.retention_s)
            await asyncio.sleep(ALIVE_EVERY_S)

    async def _settle(self) -> None:
        """Of what is there by now nothing becomes garbage: leave it out of the search.

        With a thousand targets each search would hold up the loop for 60 ms.
        """
        await asyncio.sleep(SETTLED_S)
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)

    async def _prune(self, now_wall: float, retention_s: float) -> None:
        try:
            await self._store.prune(now_wall, retention_s)
        except StoreUnavailable as error:
            logger.warning("old records could not be removed: {}", error)

    async def _targets_of(
        self, containers: tuple[Container, ...]
    ) -> tuple[Target, ...]:
        """What is to be watched now; a bad label is said when it is first seen."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._labels_reader, _in_force, self._settings, containers
        )
        known, self._in_force = frozenset(self._in_force.faults), found
        for fault in found.faults:
            if fault not in known:
                logger.error("this is refused, the rest goes on: {}", fault.line)
        targets = found.targets
        self._mask.learn(secrets_of(targets))
        if not self._looked_around:
            self._looked_around = True
            await self._tell_doubts(targets, containers)
        self._planner.set_targets(targets)
        own = await self._place.own.now()
        around = await asyncio.to_thread(find_surroundings, own, containers)
        self._prober.set_surroundings(around)
        return targets

    async def _tell_doubts(
        self, targets: tuple[Target, ...], containers: tuple[Container, ...]
    ) -> None:
        label, watched = self._settings.watch_label, assign(targets, containers)
        found = tuple(
            assignment_doubts(self._place.stack, label, targets, containers, watched)
        )
        projects = await projects_seen(self._place.link) if found else ()
        seen = ", ".join(projects) or "none"
        for doubt in found:
            logger.warning("{}. Compose projects seen: {}", doubt, seen)

    def _desk(self, stack: str) -> ApiServices:
        return ApiServices(
            version=__version__,
            stack=stack,
            clock=self._clock,
            state=lambda: self._watchdog.state,
            ask=self._watchdog.ask,
            liveness=self._liveness,
            components=self._components,
            feed=self._feed,
            schedule=self._planner,
            journal=self._store.journal,
            metrics=self._scrape,
            evidence=self._evidence,
            seconds=parse_seconds,
            reload=self._reload,
            token=self._settings.api_token,
        )

    async def _scrape(self, accept: str) -> tuple[Iterator[bytes], str]:
        connected = {c.name: not c.reason for c in self._pump.components()}
        self._metrics.event_stream(connected=connected["event_stream"])
        self._metrics.outbox(await self._store.outbox.pending())
        return await self._metrics.scrape(accept)

    def _evidence(self, name: str) -> object | None:
        for instance in self._watchdog.state.instances.values():
            if instance.name == name:
                return self._executor.evidence_of(instance.id)
        return None

    def _liveness(self) -> Component:
        now = self._clock.now()
        late = now.mono - self._watchdog.turned_mono
        reason = f"no turn for {late:.0f} s" if late > STALLED_S else ""
        return Component("loop", not reason, reason, now.wall - late)

    def _components(self) -> tuple[Component, ...]:
        now = self._clock.now()
        overdue = self._pacer.overdue(now.mono)
        reason = f"{overdue} probes are overdue" if overdue else ""
        probes = Component("probes", not overdue, reason, now.wall)
        asleep = now.mono - self._planner.turned_mono
        late = f"not looked at for {asleep:.0f} s" if asleep > OVERSLEPT_S else ""
        scheduler = Component("scheduler", not late, late, now.wall - asleep)
        faults = self._in_force.faults
        said = [self._mask(fault.line) for fault in faults[:FAULTS_SAID]]
        more = len(faults) - len(said)
        labels = "; ".join([*said, f"and {more} more"] if more else said)
        # What a stranger's image says is no fault of ours, but to be seen here.
        read = Component("labels", not self._in_force.are_ours, labels, now.wall)
        view = self._watchdog.state.settings
        known = Component("settings", not view.faults, view.faults, view.since.wall)
        own = (self._liveness(), scheduler, self._store.component())
        told = self._people.runner.components()
        return (
            *self._pump.components(),
            *own,
            *told,
            probes,
            read,
            known,
            self._acting_component(),
        )

    def _acting_component(self) -> Component:
        """May we act where the settings want it?"""
        state = self._watchdog.state
        other, since = state.engine.other, state.engine.since.wall
        if not other or state.mode is Mode.OBSERVE:
            return Component("acting", True, "", since)  # noqa: FBT003
        reason = (
            f"{other} is no supported engine: only observed; set the mode to observe"
        )
        return Component("acting", False, reason, since)  # noqa: FBT003


class MetricsRoom:
    """The metrics exist before the planner whose times they show."""

    def __init__(self) -> None:
        self.planned: Callable[[], tuple[PlannedTime, ...]] = tuple
        self.metrics = Metrics(CollectorRegistry(), __version__, self._planned)

    def _planned(self) -> tuple[PlannedTime, ...]:
        return self.planned()


def run(file: Path | None) -> int:
    """``sidecar run``: watch until SIGTERM or SIGINT; the exit status."""
    # One that comes before we listen to it must not end us.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        loaded = load_or_last_good(os.environ, file)
    except ConfigError as faults:
        sys.stderr.write(f"{faults}\n")
        return BAD_CONFIGURATION
    settings = loaded.settings
    mask = Mask(settings.secrets)
    configure(settings.log_level, _log_format(settings), mask)
    _tell_loaded(loaded)
    sys.setswitchinterval(SWITCH_S)
    try:
        asyncio.run(_serve(loaded, _voice(settings, mask), file))
    except (NoStack, BadEngineAddress) as error:
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


def _tell_loaded(loaded: LoadedSettings) -> None:
    for warning in loaded.settings.warnings:
        logger.warning("{}", warning)
    for fault in loaded.faults:
        logger.error(
            "the file has a fault, the last good settings are in force: {}", fault.line
        )


def _keep(settings: Settings) -> None:
    """For the next start, should the file have faults by then."""
    try:
        keep_settings(settings)
    except OSError as error:
        why = error.strerror or error
        logger.warning("the file could not be kept as the last good one: {}", why)


def _in_force(settings: Settings, containers: tuple[Container, ...]) -> Enforced:
    """May read files."""
    targets, faults = targets_in_force(settings, containers)
    declared = tuple(target for target in targets if target.declared)
    _, ours = without_healthcheck(declared, containers)
    targets, lacking = without_healthcheck(targets, containers)
    return Enforced(targets, (*faults, *lacking), bool(ours))


def _in_lines(faults: tuple[ConfigProblem, ...]) -> str:
    return "\n".join(fault.line for fault in faults[:FAULTS_TOLD])


def _log_format(settings: Settings) -> LogFormat:
    if settings.log_format is not None:
        return LogFormat(settings.log_format)
    return LogFormat.TEXT if sys.stderr.isatty() else LogFormat.JSON


def _voice(settings: Settings, mask: Mask) -> Voice:
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
    takes_orders = settings.api_token is not None
    return Voice(words, zone, Signer(key), mask, _host_of(settings), takes_orders)


def _host_of(settings: Settings) -> str:
    """The engine's host, as the settings name it, or as we know it outside a container:
    a container's own host name is not that.
    """
    if settings.host_name is not None:
        return settings.host_name
    in_container = any(map(Path.exists, _IN_CONTAINER))
    return "" if in_container else socket.gethostname()


async def _serve(loaded: LoadedSettings, voice: Voice, file: Path | None) -> None:
    settings = loaded.settings
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, changed.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = MetricsRoom()
    asking = asyncio.create_task(_who_we_are(settings, voice.mask))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        asking.cancel()
        return
    own = asking.result()
    stack = _stack_of(settings, own)
    metrics.metrics.asks(OPERATIONS, CALL_STATUSES)
    link = EngineConnection.from_environ(
        os.environ, on_request=metrics.metrics.engine_request, mask=voice.mask
    )
    logger.info(
        "sidecar {} watches the stack {} in mode {}",
        __version__,
        stack,
        settings.mode,
    )
    own_id = own.id if own is not None else ""
    store = await open_store(settings.state_dir, SystemClock())
    if not loaded.faults:
        await asyncio.to_thread(_keep, settings)
    state = await _as_left(store, loaded)
    engine = DockerEngine(link, stack)
    own_name = own.name if own is not None else ""
    place = Place(engine, stack, own_id, OwnView(link, own_id), link, own_name)
    app = App(settings, place, Memory(store, state), metrics, voice, file)
    await app.run(stop, changed)


async def _as_left(store: SqliteStore, loaded: LoadedSettings) -> State:
    now, settings = SystemClock().now(), loaded.settings
    saved = await store.load()
    state = State(started=now)
    if saved is not None and store.saved_at is not None:
        state = restore_state(saved, store.saved_at, now)
        log_restored(state)
    if store.doubt:
        state = presume_restarts(state, store.doubt)
    view = replace(state.settings, faults=_in_lines(loaded.faults), since=now)
    return replace(state, mode=settings.mode, notify=settings.notify, settings=view)


def _stack_of(settings: Settings, own: OwnContainer | None) -> str:
    stack = settings.stack or (own.stack if own is not None else "")
    if not stack:
        raise NoStack(
            "no stack to act in: this is not a container of a compose project; "
            "set SIDECAR_STACK to the name of the project to watch"
        )
    return stack


async def _who_we_are(settings: Settings, mask: Mask) -> OwnContainer | None:
    """Ask until the engine answers, unless the settings name the stack."""
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(EngineError),
        wait=wait_random_exponential(multiplier=0.5, max=10.0),
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            try:
                return await _asked_once(mask)
            except EngineError as error:
                if settings.stack is not None:
                    return None
                logger.warning("the engine does not say who we are yet: {}", error)
                raise
    return None


async def _asked_once(mask: Mask) -> OwnContainer | None:
    # A link of its own each time: the breaker of one that failed would make us wait.
    link = EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, mask=mask
    )
    try:
        return await find_own_container(link, os.environ)
    finally:
        await link.close()


class Probed(NamedTuple):
    """One probe of one instance, carried out without a running sidecar."""

    name: str
    outcome: ProbeResult
    seconds: float


def check_once(settings: Settings, only: str | None) -> tuple[Probed, ...]:
    """Probe every instance once, or those of the target ``only``.

    NoStack, BadEngineAddress, EngineError: it cannot be told.
    """
    return asyncio.run(_check(settings, only))


async def _check(settings: Settings, only: str | None) -> tuple[Probed, ...]:
    mask = Mask(settings.secrets)
    own = await _asked_once(mask)
    stack = _stack_of(settings, own)
    link = EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, mask=mask
    )
    engine = DockerEngine(link, stack)
    prober = ProbeRunner(engine, SystemClock(), mask=mask)
    try:
        everyone = await engine.containers()
        others = tuple(c for c in everyone if own is None or c.id != own.id)
        targets, faults, _ = await asyncio.to_thread(_in_force, settings, others)
        for fault in faults:
            sys.stderr.write(f"{fault.line}\n")
        mask.learn(secrets_of(targets))
        seen = await OwnView(link, own.id if own is not None else "").now()
        prober.set_surroundings(find_surroundings(seen, others))
        wanted = tuple(t for t in targets if only in {None, t.name})
        return tuple(await asyncio.gather(*_checks(prober, wanted, others)))
    finally:
        await prober.close()
        await engine.close()


def _checks(
    prober: ProbeRunner, targets: tuple[Target, ...], containers: tuple[Container, ...]
) -> Iterator[Awaitable[Probed]]:
    roster = assign(targets, containers)
    for target in targets:
        found = [(i, c) for i, c in roster if i.target == target.name]
        if not found:
            yield _probed(prober, target, target.name, None)
        for instance, container in found:
            alone = len(found) == 1
            name = target.name if alone else f"{target.name}-{instance.number}"
            yield _probed(prober, target, name, container)


async def _probed(
    prober: ProbeRunner, target: Target, name: str, container: Container | None
) -> Probed:
    if container is None:
        return Probed(
            name, probe_failure(Cause.MISSING, "there is no container for it"), 0.0
        )
    if container.status is not Status.RUNNING:
        stopped = probe_failure(
            Cause.NOT_RUNNING, f"its container is {container.status}"
        )
        return Probed(name, stopped, 0.0)
    began = asyncio.get_running_loop().time()
    outcome = await probe_target(prober, target.probes, container)
    return Probed(name, outcome, asyncio.get_running_loop().time() - began)
