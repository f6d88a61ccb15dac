"""One running sidecar: builds its parts from the settings and connects them."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from loguru import logger

from sidecar import __version__
from sidecar.app.backups import Backups
from sidecar.app.cluster import build_cluster, run_cluster
from sidecar.app.contexts import EngineContext, MessageContext, RestoredStore
from sidecar.app.drill_orders import DrillOrders
from sidecar.app.engine_features import FeaturesInUse
from sidecar.app.engine_opening import renew_targets
from sidecar.app.garbage_collector import pace_garbage_collector
from sidecar.app.housekeeping import note_alive
from sidecar.app.loop_access import LoopAccess
from sidecar.app.maintenance import MaintenanceService
from sidecar.app.metrics_holder import MetricsHolder
from sidecar.app.notifications import DRAIN_S, NotificationService
from sidecar.app.own_health import OwnHealth, Parts
from sidecar.app.page import build_page, page_texts_reader
from sidecar.app.probing import ProbingParts
from sidecar.app.service_manager import tell_service_manager
from sidecar.app.settings_reload import SettingsReload
from sidecar.app.target_source import TargetSource
from sidecar.balancer.agent_server import AgentServer
from sidecar.clock import SystemClock
from sidecar.config.duration import parse_seconds
from sidecar.config.settings import Settings
from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.event import SettingsApplied
from sidecar.core.ports.loop import Post
from sidecar.engine.watcher import EngineWatcher
from sidecar.notify.delivery import DeliveryStatus
from sidecar.remedies.executor import Executor
from sidecar.schedule.planner import Planner
from sidecar.telemetry.event_feed import EventFeed
from sidecar.telemetry.event_log import EventLog
from sidecar.telemetry.recent_probes import RecentProbes
from sidecar.watchdog import Watchdog
from sidecar.web.page.sources import PageSources
from sidecar.web.page_feed import PageFeed
from sidecar.web.routes.acknowledge import NotificationServices
from sidecar.web.server import WebServer
from sidecar.web.services import ApiServices


class Application:
    """One sidecar: built from its settings, run, and shut down."""

    def __init__(
        self,
        settings: Settings,
        context: EngineContext,
        restored: RestoredStore,
        metrics: MetricsHolder,
        texts: MessageContext,
        file: Path | None,
    ) -> None:
        self._context = context
        self._mask, self._state_dir = texts.mask, texts.state_dir
        self._clock, self._recent_probes = SystemClock(), RecentProbes()
        self._store, self._metrics = restored.store, metrics.metrics
        self._feed = EventFeed(first_number=int(self._clock.now().wall * 1000))
        self._page_feed = PageFeed(
            lambda *viewed: self._page.loader.snapshot(*viewed),  # noqa: PLW0108 - built later
            lambda: self._watchdog.state,
            self._clock,
        )
        loop = LoopAccess(lambda: self._watchdog)
        self._backups = Backups(context, texts, self._clock, loop)
        self._metrics.read_proven_walls = self._backups.last_proven
        self._notifications = NotificationService(
            settings.notify,
            texts,
            context,
            self._store.outbox,
            self._metrics.count_notification,
            loop,
        )
        self._metrics.register_channels(
            self._notifications.runner.channels, DeliveryStatus
        )
        self._probing = ProbingParts(
            context, self._clock, loop.post, self._mask, self._metrics
        )
        self._probing.prober.restore_logs(restored.state)
        self._planner = Planner(self._clock, loop.post, loop.is_in_window)
        self._drills = DrillOrders(context, self._probing, self._clock, loop)
        metrics.planned_times = lambda: self._planner.upcoming_times(1)
        self._cluster = build_cluster(
            restored.state.lease, context.stack, loop, texts.mask
        )
        self._executor = self._build_executor(loop.post)
        self._maintenance = self._build_maintenance()
        self._maintenance.file = file
        self._watchdog = self._build_watchdog(restored)
        self._reload = SettingsReload(
            file, settings, texts, context.stack, self._clock, loop.post
        )
        context.link.features_in_use = FeaturesInUse(
            lambda: self._reload.settings, lambda: self._watchdog.state, context.link
        )
        self._targets = TargetSource(
            lambda: self._reload.settings,
            context,
            self._mask,
            (self._planner, self._drills.planner),
            self._probing.prober,
        )
        self._engine_watcher = EngineWatcher(
            context.engine,
            self._clock,
            loop.post,
            self._targets.find_targets,
            context.own_id,
            other_engine=lambda: context.link.other_engine,
        )
        self._agent = AgentServer(loop.state, self._clock, settings.agent_address)
        parts = Parts(
            self._clock,
            self._watchdog,
            self._engine_watcher,
            self._probing.scheduler,
            self._planner,
            self._store,
            self._targets,
            self._cluster,
        )
        self._health = OwnHealth(parts, self._notifications, self._agent)
        self._build_web(settings, texts)

    def _build_executor(self, post: Post) -> Executor:
        executor = Executor(
            self._context.engine,
            self._probing.prober.wallet_control,
            post,
            self._clock,
            mask=self._mask,
            recent_probes=self._recent_probes.of,
        )
        executor.host = self._probing.host
        executor.wallet_guard = self._backups
        executor.lease = self._cluster
        return executor

    def _build_maintenance(self) -> MaintenanceService:
        return MaintenanceService(
            lambda: self._reload.settings,
            self._context,
            self._store,
            LoopAccess(lambda: self._watchdog),
            self._mask,
            self._backups,
        )

    def _build_watchdog(self, restored: RestoredStore) -> Watchdog:
        return Watchdog(
            state=restored.state,
            clock=self._clock,
            store=self._store,
            listeners=(
                self._metrics,
                EventLog(),
                self._feed,
                self._page_feed,
                self._recent_probes,
                self._notifications,
                self._probing.process_watcher,
                self._probing.busy_watcher,
                self._probing.disk_watcher,
                self._maintenance.runner,
                self._probing.drills,
                *filter(None, (self._cluster,)),
            ),
            probing=self._probing.scheduler,
            remedies=self._executor,
        )

    def _build_web(self, settings: Settings, texts: MessageContext) -> None:
        self._answers = NotificationServices(
            texts.signer.channel_of,
            texts.words,
            settings.language,
            self._notifications.test,
        )
        services = self._api_services(settings)
        read_texts = page_texts_reader(texts, self._context)
        sources = PageSources(read_texts, self._recent_probes.probes_of)
        page_settings = lambda: self._reload.settings  # noqa: E731
        self._page = build_page(page_settings, services, self._page_feed, sources)
        self._web = WebServer(
            services,
            settings.listen_host,
            settings.listen_port,
            notify=self._answers,
            page=self._page,
        )
        self._web.use_control_socket(settings.state_dir)

    def _api_services(self, settings: Settings) -> ApiServices:
        return ApiServices(
            version=__version__,
            stack=self._context.stack,
            clock=self._clock,
            state=lambda: self._watchdog.state,
            ask=self._watchdog.ask,
            liveness=self._health.liveness,
            components=self._health.components,
            feed=self._feed,
            schedule=self._planner,
            tasks=self._maintenance.planner,
            journal=self._store.journal,
            metrics=self._scrape,
            evidence=self._evidence,
            seconds=parse_seconds,
            reload=lambda: self._reload.reload(self._apply),
            log=self._context.engine.logs,
            mask=self._mask,
            backups=self._backups,
            drills=self._drills,
            token=settings.api_token,
        )

    async def run(self, stop: asyncio.Event, changed: asyncio.Event) -> None:
        """Watch until ``stop`` is set; OSError where the address is taken.

        ``changed`` is set when the configuration file is to be read again.
        """
        await self._web.start()
        self._metrics.config_loaded(self._clock.now().wall)
        try:
            async with asyncio.TaskGroup() as tasks:
                workers = [
                    tasks.create_task(self._watchdog.run()),
                    tasks.create_task(self._engine_watcher.run()),
                    tasks.create_task(self._planner.run()),
                    tasks.create_task(self._drills.run(self._store, self._metrics)),
                    tasks.create_task(note_alive(self._store, self._clock)),
                    tasks.create_task(self._maintenance.run()),
                    tasks.create_task(self._backups.watch()),
                    tasks.create_task(self._probing.measure_host(self._state_dir)),
                    tasks.create_task(pace_garbage_collector()),
                    tasks.create_task(self._notifications.run(self._health.problems)),
                    tasks.create_task(self._reload.run(changed, self._apply)),
                    tasks.create_task(run_cluster(self._cluster)),
                    tasks.create_task(self._agent.run()),
                    tasks.create_task(tell_service_manager(self._watchdog, stop)),
                ]
                await stop.wait()
                logger.info("asked to stop: finishing what is under way")
                await asyncio.gather(
                    self._probing.drills.close(),
                    self._executor.drain(DRAIN_S),
                    self._notifications.runner.drain(DRAIN_S),
                    self._agent.release(),
                )
                for task in workers:
                    task.cancel()
        finally:
            await self._close()

    async def _close(self) -> None:
        await self._notifications.close()
        await self._maintenance.close()
        await self._backups.close()
        await self._probing.end_probes()
        await self._web.stop()
        await self._probing.prober.close()
        await self._context.engine.close()
        self._targets.close()
        await self._store.close()

    async def _apply(self, settings: Settings, texts: MessageContext) -> None:
        """Apply the settings and texts of the configuration file after a reload."""
        self._mask.learn(settings.secrets)
        self._answers.words, self._answers.language = texts.words, settings.language
        self._page.loader.sources.apply(page_texts_reader(texts, self._context))
        now = self._clock.now()
        self._watchdog.post(SettingsApplied(now, settings.mode, settings.notify))
        renew_targets(self._context.engine, settings)
        self._maintenance.apply()
        self._agent.set_address(settings.agent_address)
        await self._notifications.apply(settings.notify, texts)
        self._metrics.register_channels(
            self._notifications.runner.channels, DeliveryStatus
        )
        self._metrics.config_loaded(now.wall)
        await self._engine_watcher.list_again()

    async def _scrape(self, accept: str) -> tuple[Iterator[bytes], str]:
        self._metrics.components(self._health.components())
        self._metrics.outbox(await self._store.outbox.count_pending())
        return await self._metrics.scrape(accept)

    def _evidence(self, name: str) -> Mapping[str, object] | None:
        instance = instance_named(self._watchdog.state, name)
        return None if instance is None else self._executor.evidence_of(instance.id)
