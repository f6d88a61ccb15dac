"""A filter before the engine refuses an optional call: what people get to read.

Each optional feature of the list has its entry here; a new one fails until it has one.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.backup.restore import restore_beside
from sidecar.backup.restore_test import RestoreTest
from sidecar.clock import SystemClock
from sidecar.core.backup.edges import BackupEdgeError, WalletCopy
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.event import Event, RemedyExecuted
from sidecar.core.model.guard import Guard
from sidecar.core.ports.engine import EngineForbidden
from sidecar.core.reason.reason import text_reason
from sidecar.core.setup.hazards.diagnosis import diagnose
from sidecar.core.setup.stack_facts import StackFacts
from sidecar.engine.calls import CALLS
from sidecar.engine.docker import DockerEngine
from sidecar.engine.drill_calls import DrillCalls
from sidecar.engine.features import Feature
from sidecar.engine.survey import survey_stack
from sidecar.engine.swarm import SwarmEngine
from sidecar.engine.throwaway import ThrowawayContainers
from sidecar.remedies.executor import Executor
from tests.support.backup_records import OWNER
from tests.support.engine_calls import filter_rules
from tests.support.engine_connection import (
    OWN,
    link_to,
    open_engine,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, raw_container
from tests.support.podman_answers import be_podman
from tests.support.remedy_bench import TARGET, WALLET, Wallets
from tests.support.restore_process import make_record, make_target
from tests.support.sidecar_host import QUICK, TOKEN, SidecarHost, own_host
from tests.support.swarm_objects import STACK, raw_service, raw_task, serve_swarm

IMAGE = "sha256:" + "f" * 64
SIGNED_IN = {"Authorization": f"Bearer {TOKEN}"}
FILE = "/data/w"
OPTIONAL = [feature for feature in Feature if not feature.rule.is_required]


def names_of(feature: Feature) -> list[str]:
    """The calls of a feature, as an error names them."""
    return [call.name for call in CALLS if call.feature is feature]


def refuse(server: EngineServer, *features: Feature) -> None:
    """Put a filter before the small engine that has no line for these features."""
    lines = [rule for rule in filter_rules() if rule.call.feature not in features]
    server.refuses = lambda method, target: (
        not any(line.allows(method, target) for line in lines)
    )


def refuse_call(server: EngineServer, name: str) -> None:
    """Put a filter before the small engine that lacks the line of one call."""
    lines = [rule for rule in filter_rules() if rule.call.name != name]
    server.refuses = lambda method, target: (
        not any(line.allows(method, target) for line in lines)
    )


# --- a running Sidecar, to which a filter allows the needed calls alone


def container(number: int, service: str, **parts: object) -> dict[str, object]:
    state = {"StartedAt": "2020-01-01T00:00:00Z", **parts}
    return raw_container(f"{number:064x}", stack="shop", service=service, **state)


@contextmanager
def limited_sidecar(folder: Path) -> Iterator[SidecarHost]:
    password = folder / "password"
    password.write_text("the password of the wallet daemon")
    closed = {"type": "tcp", "host": own_host(), "port": 1}
    daemon = {
        "type": "electron_cash",
        "url": f"http://{own_host()}:1/",
        "username": "user",
        "password_file": str(password),
    }
    targets = {
        "web": {"probe": closed},
        "gone": {"probe": closed},
        "talker": {"probe": {"type": "exec", "command": ["true"]}},
        "hungry": {"probe": {"type": "memory"}},
        "wallet": {"probe": daemon, "backup": {"path": [FILE], "cron": "0 3 1 1 *"}},
    }
    with ExitStack() as processes:
        host = SidecarHost(folder, processes)
        host.engine.start()
        processes.callback(host.engine.stop)
        for number, service in enumerate(targets, start=1):
            parts = {"Status": "exited", "ExitCode": 1} if service == "gone" else {}
            host.engine.add(container(number, service, **parts))
        host.engine.add(container(9, "doubtful") | {"Image": IMAGE})
        refuse(host.engine, *OPTIONAL)
        file = host.config(defaults=QUICK, targets=targets)
        host.start_serving(SIDECAR_CONFIG=file, SIDECAR_API_TOKEN=TOKEN)
        host.until("it has targets", lambda: host.target("talker") != {})
        yield host


@pytest.fixture(scope="module")
def limited_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarHost]:
    with limited_sidecar(tmp_path_factory.mktemp("limited")) as host:
        yield host


def log_of(host: SidecarHost) -> str:
    return "".join(host.log_lines)


def decision_of(name: str) -> Callable[[SidecarHost], str]:
    return lambda host: (host.target(name)["last_decision"] or {}).get("reason", "")


def last_probe_of(name: str) -> Callable[[SidecarHost], str]:
    return lambda host: (host.target(name)["last_probe"] or {}).get("reason", "")


def read_log(host: SidecarHost) -> str:
    return host.get("/api/v1/logs/web", **SIGNED_IN).text


def run_backup(host: SidecarHost) -> str:
    host.post("/api/v1/backups/wallet/run", **SIGNED_IN)
    return host.get("/api/v1/backups", **SIGNED_IN).text


def status_command(host: SidecarHost) -> str:
    """The output of ``sidecar status``."""
    command = [sys.executable, "-m", "sidecar", "status"]
    command_result = subprocess.run(
        command,
        env=host.environ | {"SIDECAR_URL": host.url},
        capture_output=True,
        text=True,
        timeout=20.0,
        check=False,
    )
    return " ".join((command_result.stdout + command_result.stderr).split())


SEEN: dict[Feature, Callable[[SidecarHost], str]] = {
    Feature.RESTART: decision_of("web"),
    Feature.IMAGE: log_of,
    Feature.EVENTS: lambda host: host.get("/readyz").text,
    Feature.START: decision_of("gone"),
    Feature.LOGS: read_log,
    Feature.PROCESSES: log_of,
    Feature.STATS: last_probe_of("hungry"),
    Feature.EXEC: lambda host: host.target("talker")["reason"],
    Feature.BACKUP: run_backup,
}
"""Where people read the reason while Sidecar runs."""


@pytest.mark.parametrize("feature", SEEN, ids=lambda feature: feature.value)
def test_running_sidecar_says_what_it_cannot_do(
    feature: Feature, limited_host: SidecarHost
) -> None:
    reason = f"not on the list ({names_of(feature)[0]})"
    limited_host.until(reason, lambda: reason in SEEN[feature](limited_host))


def test_status_command_has_the_reason_of_an_unknown_target(
    limited_host: SidecarHost,
) -> None:
    reason = f"not on the list ({names_of(Feature.EXEC)[0]})"
    limited_host.until(reason, lambda: reason in status_command(limited_host))


# --- what a running Sidecar seldom does

Told = Callable[[EngineServer], Awaitable[str]]


async def carry_out(server: EngineServer, action: Action, **changes: Any) -> str:  # noqa: ANN401 - any field
    """The reason with which a remedy of the wallet daemon ends."""
    async with open_engine(link_to(server, [])) as engine:
        container = await engine.inspect(OWN)
        return await carry_out_by(engine, container, action, **changes)


async def carry_out_by(
    engine: DockerEngine,
    container: Container,
    action: Action,
    **changes: Any,  # noqa: ANN401 - any field
) -> str:
    executed: asyncio.Queue[RemedyExecuted] = asyncio.Queue()

    def post(event: Event) -> None:
        if isinstance(event, RemedyExecuted):
            executed.put_nowait(event)

    clock = SystemClock()
    decision = Decision(
        clock.now(),
        WALLET,
        "electron-cash",
        action,
        Guard.NONE,
        text_reason("500: restarting"),
        cause=Cause.HTTP_5XX,
        run=container.run,
        stop_timeout_s=5.0,
        incident="01J",
    )
    executor = Executor(engine, Wallets(), post, clock, mask=str)
    executor.carry_out(replace(decision, **changes), TARGET, container)
    async with asyncio.timeout(20.0):
        event = await executed.get()
    return f"{event.result}: {event.reason}"


async def stop(server: EngineServer) -> str:
    return await carry_out(server, Action.STOP)


async def recreate(server: EngineServer) -> str:
    return await carry_out(server, Action.RECREATE, polite_stop_s=0.0)


async def restart_stopped_daemon(server: EngineServer) -> str:
    """The daemon is in state T: the small engine's `top` says so."""
    refuse(server, Feature.CONTINUE, Feature.EXEC)
    return await carry_out(server, Action.RESTART, polite_stop_s=5.0)


async def survey(server: EngineServer) -> str:
    link = link_to(server, [])
    survey = await survey_stack(link, "demo")
    await link.close()
    services = tuple(service.facts for service in survey.services)
    facts = StackFacts("demo", services, clock_ahead_s=survey.clock_ahead_s)
    return str(diagnose(facts, "en").unjudged)


async def restore(server: EngineServer) -> str:
    server.files[FILE] = b"{}"
    async with open_engine(link_to(server, [])) as engine:
        container = await engine.inspect(OWN)
        record = make_record(FILE, b"{}")
        with pytest.raises(BackupEdgeError) as caught:
            await restore_beside(engine, container, record, b"{}", time.time())
    return str(caught.value)


async def restore_test(server: EngineServer) -> str:
    server.say["/containers/create"] = (201, b'{"Id": "x"}')
    link = link_to(server, [])
    async with open_engine(link) as engine:
        test = RestoreTest(ThrowawayContainers(link, "demo"), engine, str)
        container = await engine.inspect(OWN)
        result = await test(make_target(), container, WalletCopy(FILE, b"{}", OWNER))
    return f"{result.is_loaded}: {result.reason}"


async def list_services(server: EngineServer) -> str:
    link = link_to(server, [])
    with pytest.raises(EngineForbidden) as refused:
        await SwarmEngine(link, STACK).containers()
    await link.close()
    return str(refused.value)


async def restart_task(server: EngineServer) -> str:
    link = link_to(server, [])
    engine = SwarmEngine(link, STACK)
    (container,) = await engine.containers()
    result = await carry_out_by(engine, container, Action.RESTART)
    await engine.close()
    return result


async def inspect_ended_container_of_podman(server: EngineServer) -> str:
    be_podman(server)
    server.containers[OWN]["State"] |= {
        "Status": "exited",
        "FinishedAt": "2026-01-02T03:05:05Z",
    }
    async with open_engine(link_to(server, [])) as engine:
        await engine.inspect(OWN)
        return str((await engine.inspect(OWN)).stop_report)


async def check_drills(server: EngineServer) -> str:
    link = link_to(server, [])
    drills = DrillCalls(link, "demo")
    texts = []
    for fault in DrillFault:
        try:
            await drills.check_calls(fault)
        except EngineForbidden as refused:
            texts.append(f"{fault}: {refused}")
    await link.close()
    return "; ".join(texts)


async def check_each_call_of_drills(server: EngineServer) -> str:
    """Every call is missed by itself, also one that only the undo needs."""
    refuses, texts = server.refuses, []
    for name in names_of(Feature.DRILL):
        refuse_call(server, name)
        texts.append(await check_drills(server))
    server.refuses = refuses
    return "; ".join(texts)


TOLD: dict[Feature, Told] = {
    Feature.STOP_REPORT: inspect_ended_container_of_podman,
    Feature.SERVICES: list_services,
    Feature.SERVICE_UPDATE: restart_task,
    Feature.STOP: stop,
    Feature.CONTINUE: restart_stopped_daemon,
    Feature.DOCTOR: survey,
    Feature.RESTORE: restore,
    Feature.CREATE: restore_test,
    Feature.RESTORE_TEST: restore_test,
    Feature.RECREATE: recreate,
    Feature.CONNECT: check_drills,
    Feature.DRILL: check_each_call_of_drills,
}
WORDS = {
    Feature.STOP_REPORT: "unknown",
    Feature.DOCTOR: "does not tell its time: is GET /info allowed?",
    Feature.CONTINUE: "done",
}
"""What is told in other words: the restart of a daemon in state T is done all the same,
and the refusal is in the log.
"""


@pytest.mark.parametrize("feature", TOLD, ids=lambda feature: feature.value)
async def test_what_a_filter_forbids_is_told_with_its_reason(
    feature: Feature, log_lines: list[str]
) -> None:
    with run_engine_server() as server:
        server.add(raw_container(OWN) | {"Image": IMAGE})
        server.images[IMAGE] = {"Id": IMAGE, "Config": {"Labels": {}}}
        serve_swarm(server, raw_service(), raw_task("a"))
        refuse(server, feature)
        text = await TOLD[feature](server)
    assert WORDS.get(feature, "not on the list") in text
    if feature is not Feature.DOCTOR:
        texts = text + "".join(log_lines)
        assert any(f"not on the list ({name})" in texts for name in names_of(feature))


def test_every_optional_feature_has_such_a_test() -> None:
    assert SEEN.keys() | TOLD.keys() == set(OPTIONAL), "add the missing one here"
