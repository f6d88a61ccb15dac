"""All outputs of foreign texts, and the final text at each of them."""

import asyncio
import io
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec
import requests
from docker.errors import APIError
from loguru import logger
from prometheus_client import CollectorRegistry

from sidecar.core.model.container import NativeHealth, Process
from sidecar.core.model.decision import Action
from sidecar.core.model.event import EngineReachabilityChanged, Event, EvidenceGathered
from sidecar.core.model.message import MessageKind
from sidecar.core.model.probe_settings import DockerProbe, ExecProbe
from sidecar.core.ports.engine import ExecResult
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.reason.reason_text import reason_facts
from sidecar.engine import containers
from sidecar.engine.errors import engine_error
from sidecar.notify.hooks import hook_body
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from sidecar.probes.prober import ProbeRunner
from sidecar.remedies.executor import Executor
from sidecar.remedies.page_evidence import last_lines
from sidecar.telemetry.event_feed import EventFeed
from sidecar.telemetry.event_log import EventLog
from sidecar.telemetry.log import LogFormat, configure
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.recent_probes import RecentProbes
from sidecar.telemetry.secret_mask import Mask
from sidecar.web.views import status as views
from tests.support.engine_server import raw_container
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.message_world import MessageWorld
from tests.support.notify_receivers import PLACE, message
from tests.support.remedy_bench import Bench, Wallets

NAME = "electron-cash"
LANGUAGES = tuple(
    Renderer(read_catalog(it), ZoneInfo("UTC"), PLACE) for it in ("en", "ko")
)


class TextOutputs:
    """A small sidecar whose every input is ``said``. Not for a running loop."""

    def __init__(self, said: str, mask: Mask, log_format: LogFormat) -> None:
        self._said = said
        self._mask = mask
        self._container = a_container()
        self._engine = FakeEngine(FakeClock(), self._container)
        self._engine.logs_of["c1"] = f"1 {said}\n2 {said}"
        self._engine.processes_of["c1"] = (Process(1, 0, "S", f"run {said}"),)
        self._engine.exec_of["check"] = ExecResult(1, said)
        self._events: list[Event] = []
        self._metrics = Metrics(CollectorRegistry(), "1", tuple)
        self._feed, self._probed = EventFeed(), RecentProbes()
        listeners = (EventLog(), self._metrics, self._feed, self._probed)
        self.log = io.StringIO()
        configure("debug", log_format, mask, self.log)
        self._world = MessageWorld(listeners=listeners)

    def texts(self) -> dict[str, str]:
        """Final texts by output, after a sequence that produces all of them."""
        return asyncio.run(self._texts())

    async def _texts(self) -> dict[str, str]:
        await self._probes()
        evidence = await self._evidence()
        self._engine_is_lost()
        logger.bind(target=NAME, said=self._said).error("said {}", self._said)
        state, now = self._world.state, self._world.now
        status = views.status(
            state,
            now,
            version="1",
            stack="s",
            ready=True,
            targets=tuple(views.target_statuses(state, now, {})),
        )
        pieces, _ = await self._metrics.scrape("text/plain")
        encoded = {
            "status": msgspec.json.encode(status),
            "history": msgspec.json.encode(self._feed.recent(1000)),
            "evidence": msgspec.json.encode(evidence),
            "metrics": b"".join(pieces),
            "log": self.log.getvalue().encode(),
        }
        texts = {place: text.decode() for place, text in encoded.items()}
        return texts | dict(self._messages())

    async def _probes(self) -> None:
        prober = ProbeRunner(self._engine, FakeClock(), mask=self._mask)
        try:
            run = ExecProbe(("check",))
            for _ in range(2):
                self._world.probe(NAME, await prober.probe(run, self._container))
            self._engine.change("c1", **self._unhealthy())
            outcome = await prober.probe(DockerProbe(), self._container)
            self._world.probe(NAME, outcome)
        finally:
            await prober.close()

    def _unhealthy(self) -> dict[str, object]:
        raw = raw_container("c1")
        raw["State"]["Health"] = {
            "Status": "unhealthy",
            "Log": [{"Output": self._said}],
        }
        log = containers.read_container(raw, self._mask).health_log
        return {"health": NativeHealth.UNHEALTHY, "health_log": log}

    async def _evidence(self) -> object:
        bench = Bench()
        executor = Executor(
            self._engine,
            Wallets(),
            self._events.append,
            FakeClock(),
            mask=self._mask,
            recent_probes=self._probed.of,
        )
        decision = bench.decide(Action.RESTART)
        evidence_collector = executor._evidence
        bundle, _ = await evidence_collector.gather(decision, self._container)
        self._log = last_lines(bundle.log or "")
        at, instance_id = self._world.now, decision.instance
        self._world.send(EvidenceGathered(at, instance_id, self._log))
        return msgspec.to_builtins(bundle)

    def _engine_is_lost(self) -> None:
        answer = requests.Response()
        answer.status_code = 500
        refusal = APIError("no", answer, explanation=f"cannot run {self._said}")
        reason = str(engine_error(refusal, self._mask))
        self._world.send(
            EngineReachabilityChanged(self._world.now, reachable=False, reason=reason)
        )

    def _messages(self) -> Iterator[tuple[str, str]]:
        last = self._world.instance(NAME).health.last
        reason = last.reason if last is not None else NO_REASON
        facts: dict[str, str] = {}
        for name in ("reason", "last_reason", "load_failure"):
            facts |= reason_facts(name, reason)
        for kind in MessageKind:
            sent_message = message(kind=kind, facts={**facts, "log": self._log})
            for number, render in enumerate(LANGUAGES):
                text = render(sent_message)
                yield f"message {kind} {number}", f"{text.title}\n{text.body}"
            yield f"hook {kind}", hook_body(sent_message).decode()
