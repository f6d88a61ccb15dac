"""Real stacks on the real engine: wallet daemon, service, sidecar; what happened.

Every stack is a compose project of its own as the engine and the sidecar see it,
with a random name, a network of its own and nothing published: several run side by
side. All of it carries the label of this test run and goes when the stack is left.
"""

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, NamedTuple, Self, TypeVar

import docker
import requests
import yaml
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.support.docker_proxy import Asked, DockerProxy, own_folder
from tests.support.repository import REPOSITORY

# Its clean-up container comes from a registry; our label and exits do that work.
testcontainers_config.ryuk_disabled = True

WALLET, SERVICE, SIDECAR = "electron-cash", "bitcoincash-service", "sidecar"
WEBHOOK = REPOSITORY / "compose/demo/story/webhook.py"
RPC_USER, RPC_PASSWORD = "bchrpc", "rpc-password-of-the-test"
API_TOKEN = "token-of-the-test"
DEFAULT_WALLET = "/data/wallets/default_wallet"
PASSWORD_FILE = "/run/secrets/electron_cash_password"
RUN_LABEL = {"sctest": os.environ.get("SIDECAR_TEST_RUN", "by-hand")}

COMPOSE_FILE = REPOSITORY / "compose" / "sidecar.yml"
LOCKS = ("init", "read_only", "cap_drop", "security_opt", "mem_limit", "pids_limit")

POLL_S = 0.15
DEADLINE_S = 40.0
"""Of one wait. Generous: many stacks share few cores."""

Shape = Literal["pid1", "init", "wrapper"]
Json = dict[str, Any]
T = TypeVar("T")

# The defaults, about ten times faster, so that a story of minutes takes seconds. The
# order of the times is kept: fast_interval < interval < timeout < hang_after, and
# stop, boot and verification fit into recovery_timeout.
QUICK: Mapping[str, object] = {
    "interval": "1s",
    "fast_interval": "300ms",
    "timeout": "1500ms",
    "start_period": "6s",
}
QUICK_RESTART: Mapping[str, object] = {
    "backoff": "1s",
    "stop_timeout": "4s",
    "dead_stop_timeout": "1s",
    "recovery_timeout": "15s",
    "window": "5m",
}
NOTHING: Mapping[str, object] = MappingProxyType({})
QUICK_HANG_AFTER = "5s"
QUICK_SETTLE = "5s"

ACTIONS = frozenset(
    {"kill", "die", "stop", "start", "restart", "pause", "unpause", "oom", "destroy"}
)


# --- configuration


def wallet_probe(**changes: object) -> Json:
    """The wallet daemon's probe."""
    return {
        "type": "electron_cash",
        "url": f"http://{WALLET}:7777/",
        "username": RPC_USER,
        "password_file": PASSWORD_FILE,
        "hang_after": QUICK_HANG_AFTER,
    } | changes


def wallet_target(
    probe: Mapping[str, object] = NOTHING, *, restart: Mapping[str, object] = NOTHING
) -> Json:
    """The wallet daemon as a target; ``probe`` and ``restart`` change its settings."""
    return {"probe": wallet_probe(**probe), "restart": {**QUICK_RESTART, **restart}}


def service_target(**changes: object) -> Json:
    """The service that needs the wallet, as a target."""
    return {
        "depends_on": [WALLET],
        "settle": QUICK_SETTLE,
        "probe": {"type": "http", "url": f"http://{SERVICE}:8080/health"},
        "restart": dict(QUICK_RESTART),
    } | changes


def config(
    targets: Mapping[str, Json], *, defaults: Mapping[str, object] = QUICK
) -> Json:
    """A whole sidecar.yaml."""
    return {"defaults": dict(defaults), "targets": dict(targets)}


def wallet_config(
    probe: Mapping[str, object] = NOTHING, *, restart: Mapping[str, object] = NOTHING
) -> Json:
    """The wallet daemon alone."""
    return config({WALLET: wallet_target(probe, restart=restart)})


def pair_config(**service: object) -> Json:
    """The wallet daemon and the service that needs it."""
    return config({WALLET: wallet_target(), SERVICE: service_target(**service)})


# --- what happened


class Record(NamedTuple):
    """One line of the sidecar's log."""

    at: str
    level: str
    target: str | None
    message: str
    fields: Json

    def seconds_after(self, earlier: "Record") -> float:
        """The time between two records."""
        later = datetime.fromisoformat(self.at)
        return (later - datetime.fromisoformat(earlier.at)).total_seconds()


class Happened(NamedTuple):
    """One event of the engine: what was done to which container."""

    at: float
    container_id: str
    action: str


class EngineEvents:
    """What the engine says happened to a project's containers, from now on."""

    def __init__(self, project: str) -> None:
        self._client = docker.DockerClient()
        self._stream = self._client.events(
            since=int(time.time()),
            filters={
                "type": "container",
                "label": f"com.docker.compose.project={project}",
            },
            decode=True,
        )
        self._seen: list[Json] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        # A stream that is closed from outside ends in one of many ways.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for event in self._stream:
                self._seen.append(event)

    def until(self, container: Container) -> tuple[Happened, ...]:
        """All that happened before now, proven by a mark that the engine echoes.

        ``container`` must run; looking at its processes leaves the mark.
        """
        before = len(self._seen)
        container.top()
        deadline = time.monotonic() + 10.0
        while not any(
            event["Action"] == "top" and event["Actor"]["ID"] == container.id
            for event in self._seen[before:]
        ):
            assert time.monotonic() < deadline, "the engine's events are late"
            time.sleep(0.02)
        return tuple(
            Happened(event["timeNano"] / 1e9, event["Actor"]["ID"], event["Action"])
            for event in tuple(self._seen)
            if event["Action"] in ACTIONS
        )

    def close(self) -> None:
        """Stop listening."""
        self._stream.close()
        self._thread.join(timeout=5.0)
        self._client.close()


# --- containers


@dataclass(frozen=True)
class Box:
    """One container of the stack."""

    docker: Container

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self.docker.id)

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.docker.name)

    @property
    def status(self) -> str:
        """What the engine calls it now: running, exited, paused, ..."""
        self.docker.reload()
        return str(self.docker.status)

    @property
    def started_at(self) -> str:
        """Which run this is."""
        self.docker.reload()
        return str(self.docker.attrs["State"]["StartedAt"])

    @property
    def ip(self) -> str:
        """Its address, which may be another one after a restart."""
        self.docker.reload()
        networks = self.docker.attrs["NetworkSettings"]["Networks"]
        return next(str(n["IPAddress"]) for n in networks.values() if n["IPAddress"])

    def ask(
        self,
        method: str,
        port: int,
        path: str,
        body: object = None,
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 5.0,
    ) -> requests.Response:
        """One HTTP request from this host."""
        url = f"http://{self.ip}:{port}{path}"
        return requests.request(
            method, url, json=body, auth=auth, headers=headers, timeout=timeout_s
        )

    def run(self, *command: str) -> str:
        """Run a command inside; its output. A status above zero fails the test."""
        status, output = self.docker.exec_run(list(command))
        assert isinstance(output, bytes)
        text = output.decode(errors="replace")
        assert status == 0, f"{command} in {self.name}: exit {status}: {text}"
        return text


@dataclass(frozen=True)
class WalletBox(Box):
    """The wallet daemon's stand-in and its control port."""

    def control(self, method: str, path: str, body: object = None) -> Json:
        """Ask the control port, which opens a moment after the start."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                answer = self.ask(method, 7778, path, body)
            except (requests.RequestException, StopIteration):
                assert time.monotonic() < deadline, f"{self.name}: no control port"
                time.sleep(POLL_S)
            else:
                assert answer.ok, f"{method} {path}: {answer.text}"
                return dict(answer.json())

    def fault(self, name: str, seconds: float | None = None) -> None:
        """Switch a fault on."""
        self.control("PUT", f"/faults/{name}", {"on": True, "seconds": seconds})

    def heal(self, name: str) -> None:
        """Switch a fault off."""
        self.control("PUT", f"/faults/{name}", {"on": False})

    def faulty(self, name: str) -> bool:
        """Is the fault on?"""
        return bool(self.control("GET", "/faults")[name]["on"])

    def calls(self) -> Json:
        """The ordered calls and the connections of this process."""
        return self.control("GET", "/calls")

    def methods(self) -> list[str]:
        """The methods called of this process, in order."""
        return [call["method"] for call in self.calls()["calls"]]

    def wallets(self) -> list[str]:
        """The wallets that are loaded."""
        return list(self.control("GET", "/state")["wallets"])

    def addresses(self) -> list[str]:
        """The addresses that the current wallet knows."""
        return list(self.control("GET", "/state")["addresses"])

    def wallet_state(self, path: str = DEFAULT_WALLET) -> Json:
        """``addresses``, ``balance``, ``synchronized``, ``unsaved`` of a loaded one."""
        return dict(self.control("GET", "/state")["loaded"][path])

    def make_wallet(self, path: str, password: str | None = None) -> None:
        """Make another wallet file, encrypted with a password; it is not loaded."""
        self.control("PUT", "/wallets", {"path": path, "password": password})

    def load(self, path: str = DEFAULT_WALLET, password: str | None = None) -> None:
        """Load a wallet as the command line does; it is the current one then."""
        options = {"wallet_path": path, "password": password}
        self.rpc("daemon", {"subcommand": "load_wallet", **options})
        assert path in self.wallets(), self.wallets()

    def create_address(self, timeout_s: float = 5.0) -> str:
        """Hand out a new address of the current wallet."""
        return str(self.rpc("createnewaddress", timeout_s=timeout_s))

    def callers(self, count: int) -> None:
        """Let so many programs make network-backed calls in a loop; 0: nobody."""
        self.control("PUT", "/faults/callers", {"on": count > 0, "count": count})

    def rpc(self, method: str, *params: object, timeout_s: float = 5.0) -> object:
        """The result of one RPC."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        auth = (RPC_USER, RPC_PASSWORD)
        answer = self.ask("POST", 7777, "/", body, auth=auth, timeout_s=timeout_s)
        result: object = answer.json()["result"]
        return result

    def daemon_process(self) -> int:
        """The daemon's process id as the engine's host sees it."""
        return next(self._daemon_processes())

    def daemon_runs(self) -> bool:
        """Is there a process of the daemon, whatever the container does?"""
        return self.status == "running" and any(self._daemon_processes())

    def _daemon_processes(self) -> Iterator[int]:
        # None for a container that ends at this moment.
        rows = self.docker.top(ps_args="-eo pid,args")["Processes"] or ()
        for pid, command in rows:
            if "wallet.py daemon" in command and "docker-init" not in command:
                yield int(pid)

    def signal_daemon(self, signal: int) -> None:
        """Signal the daemon's process inside the container, whatever the shape."""
        os.kill(self.daemon_process(), signal)


@dataclass(frozen=True)
class ServiceBox(Box):
    """The service that needs the wallet."""

    def control(self, what: str, body: object = None) -> None:
        """POST /control/fail, exit or busy."""
        answer = self.ask("POST", 8080, f"/control/{what}", body or {})
        assert answer.ok, answer.text

    def health(self) -> int:
        """The status of its health address."""
        return self.ask("GET", 8080, "/health").status_code


@dataclass(frozen=True)
class WebhookBox(Box):
    """The demo's webhook: what its channels were sent."""

    def messages(self, incident: str, channel: str) -> list[dict[str, str]]:
        """``id``, ``title`` and ``message`` of each about an incident, oldest first."""
        return [
            message
            for message in self.ask("GET", 8090, "/messages").json()
            if message["channel"] == channel and message["id"].startswith(incident)
        ]

    def kinds(self, incident: str, channel: str) -> list[str]:
        """Opened, escalated, ...; one word for each message, oldest first."""
        return [m["id"].split("-")[2] for m in self.messages(incident, channel)]


@dataclass(frozen=True)
class SidecarBox(Box):
    """The sidecar itself."""

    def status_view(self) -> Json:
        """GET /api/v1/status."""
        answer = self.ask("GET", 9787, "/api/v1/status")
        assert answer.ok, answer.text
        return dict(answer.json())

    def told(self, path: str, *, token: bool = True) -> Json:
        """GET /api/v1/..., with the token or as anybody."""
        headers = {"Authorization": f"Bearer {API_TOKEN}"} if token else {}
        answer = self.ask("GET", 9787, f"/api/v1{path}", headers=headers)
        assert answer.ok, answer.text
        return dict(answer.json())

    def target(self, name: str) -> Json:
        """One target (or replica) of the status."""
        targets = self.status_view()["targets"]
        return next((dict(t) for t in targets if t["name"] == name), {})

    def state(self, name: str) -> str:
        """What a target is; empty: it is not listed yet."""
        return str(self.target(name).get("state", ""))

    def cause(self, name: str) -> str | None:
        """Why a target is what it is, if there is a cause."""
        return self.target(name).get("cause")

    def states(self) -> dict[str, str]:
        """All targets' states by name."""
        return {t["name"]: t["state"] for t in self.status_view()["targets"]}

    def order(self, what: str, target: str, body: object = None) -> requests.Response:
        """POST a control call (restart, pause, resume, ...) with the token."""
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        path = f"/api/v1/targets/{target}/{what}"
        return self.ask("POST", 9787, path, body, headers=headers, timeout_s=15.0)

    def metrics(self) -> str:
        """GET /metrics."""
        return self.ask("GET", 9787, "/metrics").text

    def log(self) -> str:
        """All that it wrote, across restarts of its own."""
        return str(self.docker.logs().decode(errors="replace"))

    def log_lines(self) -> list[str]:
        """The log's lines as they were written."""
        return self.log().splitlines()

    def records(self, target: str | None = None) -> list[Record]:
        """The log's lines, read; of one target where named. Probes included."""
        return [
            record
            for record in map(_record, self.log_lines())
            if record is not None and target in {None, record.target}
        ]

    def decisions(self, target: str, action: str | None = None) -> list[Record]:
        """What was decided on a target: its records with an action, in order."""
        return [
            record
            for record in self.records(target)
            if "action" in record.fields
            and "outcome" not in record.fields
            and action in {None, record.fields["action"]}
        ]

    def outcomes(self, target: str) -> list[tuple[str, str]]:
        """(action, outcome) of every remedy of a target, in order."""
        return [
            (record.fields["action"], record.fields["outcome"])
            for record in self.records(target)
            if "outcome" in record.fields
        ]

    def probes(self, target: str) -> list[Record]:
        """Every probe of a target that ended, in order."""
        return [r for r in self.records(target) if r.message.startswith("probe: ")]


def _record(line: str) -> Record | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or "message" not in fields:
        return None
    return Record(
        fields.pop("time"),
        fields.pop("level"),
        fields.pop("target", None),
        fields.pop("message"),
        fields,
    )


# --- the stack


@dataclass
class Stack:
    """One compose project; enter it, add containers, leave it and all is gone."""

    project: str = field(default_factory=lambda: f"sctest-{os.urandom(4).hex()}")

    def __enter__(self) -> Self:
        self.folder = own_folder(self.project)
        self._boxes: list[Box] = []
        self._containers: list[DockerContainer] = []
        self._sidecar: SidecarBox | None = None
        with contextlib.ExitStack() as opened:
            opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.client = docker.DockerClient()
            opened.callback(self.client.close)
            self.gate = DockerProxy(self.folder / "engine")
            opened.callback(self.gate.close)
            self.network = Network(docker_network_kw={"labels": self._labels()})
            opened.callback(self.network._docker.client.close)
            self.network.create()
            opened.callback(self._remove_network)
            opened.callback(self._remove_containers)
            self.engine_events = EngineEvents(self.project)
            opened.callback(self.engine_events.close)
            self._left = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.close()

    def _labels(self) -> dict[str, str]:
        return {**RUN_LABEL, "com.docker.compose.project": self.project}

    def _remove_network(self) -> None:
        # Those that compose or a test itself made are not in our list.
        left = self.client.containers.list(
            all=True, filters={"label": f"com.docker.compose.project={self.project}"}
        )
        for container in left:
            with contextlib.suppress(NotFound):
                container.remove(force=True, v=True)
        self.network.remove()

    def _remove_containers(self) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(_removed, self._containers))

    def join(self, box: "Box", *aliases: str) -> None:
        """Let a container, of this stack or another, on this stack's network, too."""
        network = self.client.networks.get(str(self.network.id))
        network.connect(box.docker, aliases=list(aliases))

    def part(self, box: "Box") -> None:
        """Take a container off this stack's network."""
        self.client.networks.get(str(self.network.id)).disconnect(box.docker)

    # --- adding containers

    def container(
        self,
        image: str,
        service: str,
        *,
        number: int = 1,
        env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        volumes: Mapping[str, str] | None = None,
        healthcheck: Mapping[str, object] | None = None,
        **kwargs: Any,  # noqa: ANN401 - the SDK's own
    ) -> Container:
        """Any container, labelled as compose would. ``kwargs`` are the SDK's own.

        ``volumes`` maps paths here to paths inside (read-only, but for folders).
        ``healthcheck`` None: none, the image's own included.
        """
        made = DockerContainer(image, env=dict(env or {}))
        made.with_name(kwargs.pop("name", f"{self.project}-{service}-{number}"))
        if "network_mode" not in kwargs:
            made.with_network(self.network).with_network_aliases(service)
        for source, inside in (volumes or {}).items():
            made.with_volume_mapping(source, inside, "ro")
        made.with_command(kwargs.pop("command", None))
        for inside, outside in kwargs.pop("ports", {}).items():
            made.with_bind_ports(inside, outside)
        tmpfs = kwargs.pop("tmpfs", {})
        for inside, options in tmpfs.items():
            made.with_tmpfs_mount(inside, options)
        made.with_kwargs(
            labels={
                **self._labels(),
                "com.docker.compose.service": service,
                "com.docker.compose.container-number": str(number),
                "com.docker.compose.oneoff": "False",
                **(labels or {}),
            },
            healthcheck=healthcheck or {"test": ["NONE"]},
            **kwargs,
        )
        self._containers.append(made)
        made.start()
        return made.get_wrapped_container()

    def wallet(
        self,
        service: str = WALLET,
        *,
        shape: Shape = "wrapper",
        library: Literal["pinned", "newest"] = "pinned",
        restart_policy: str = "no",
        env: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - the SDK's own
    ) -> WalletBox:
        """The wallet daemon's stand-in; its own HEALTHCHECK is off unless given."""
        settings = {
            "SHAPE": "wrapper" if shape == "wrapper" else "pid1",
            "LIBRARY": library,
            "RPC_USER": RPC_USER,
            "RPC_PASSWORD": RPC_PASSWORD,
            **(env or {}),
        }
        made = self.container(
            "sidecar-demo-wallet:local",
            service,
            env=settings,
            init=shape == "init",
            restart_policy={"Name": restart_policy},
            **more,
        )
        return self._added(WalletBox(made))

    def service(
        self,
        service: str = SERVICE,
        *,
        sticky: bool = False,
        restart_policy: str = "no",
        env: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - the SDK's own
    ) -> ServiceBox:
        """The service that calls the wallet; sticky: it does not recover by itself."""
        settings = {
            "WALLET_URL": f"http://{WALLET}:7777/",
            "WALLET_USER": RPC_USER,
            "WALLET_PASSWORD": RPC_PASSWORD,
            **({"STICKY": "1"} if sticky else {}),
            **(env or {}),
        }
        made = self.container(
            "sidecar-demo-service:local",
            service,
            env=settings,
            init=True,
            restart_policy={"Name": restart_policy},
            **more,
        )
        return self._added(ServiceBox(made))

    def webhook(self) -> WebhookBox:
        """Somebody's chat room and phone, at json://webhook:8090/CHANNEL."""
        source = self._file("webhook.py", WEBHOOK.read_text())
        made = self.container(
            "sidecar:local",
            "webhook",
            entrypoint=["python3", "-IS", "/webhook.py"],
            volumes={str(source): "/webhook.py"},
            init=True,
        )
        box = self._added(WebhookBox(made))
        self.wait_for("the webhook", lambda: box.ask("GET", 8090, "/messages").ok)
        return box

    def sidecar(
        self,
        config: Mapping[str, object] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        restart_policy: str = "no",
        **more: Any,  # noqa: ANN401 - the SDK's own
    ) -> SidecarBox:
        """The sidecar's image, as compose/sidecar.yml runs it; waits for its HTTP.

        ``config`` None: no file, the environment alone. The wallet's RPC password
        is always in PASSWORD_FILE; ``secrets`` adds files under /run/secrets. The
        engine's socket is the gate's. Its log level is debug: every probe is told.
        """
        files = {"electron_cash_password": RPC_PASSWORD, **(secrets or {})}
        volumes = {
            str(self._file(name, text)): f"/run/secrets/{name}"
            for name, text in files.items()
        }
        volumes[str(self.gate.folder)] = "/engine"
        if config is not None:
            path = self._file("sidecar.yaml", json.dumps(config))
            volumes[str(path)] = "/etc/sidecar/sidecar.yaml"
        made = self.container(
            "sidecar:local",
            SIDECAR,
            env={
                "DOCKER_HOST": "unix:///engine/docker.sock",
                "SIDECAR_LOG_LEVEL": "debug",
                "SIDECAR_API_TOKEN": API_TOKEN,
                **(env or {}),
            },
            volumes=volumes,
            group_add=[str(self.gate.group)],
            restart_policy={"Name": restart_policy},
            **_as_composed(),
            **more,
        )
        self._sidecar = self._added(SidecarBox(made))
        self.wait_for("the sidecar answers", self._sidecar.status_view)
        return self._sidecar

    def _added(self, box: T) -> T:
        assert isinstance(box, Box)
        self._boxes.append(box)
        return box

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    # --- watching

    @property
    def watcher(self) -> SidecarBox:
        """The stack's sidecar."""
        assert self._sidecar is not None, "there is no sidecar yet"
        return self._sidecar

    def wait_for(
        self, what: str, look: Callable[[], T], deadline_s: float = DEADLINE_S
    ) -> T:
        """Look until the answer is true, and return it. Errors are not yet answers."""
        end = time.monotonic() + deadline_s
        last: object = None
        while True:
            try:
                last = look()
                if last:
                    return last
            except (OSError, APIError, StopIteration, AssertionError) as error:
                last = error
            if time.monotonic() > end:
                raise AssertionError(
                    f"not within {deadline_s:.0f} s: {what}; last seen: {last!r}"
                )
            time.sleep(POLL_S)

    def wait_state(
        self, target: str, *states: str, deadline_s: float = DEADLINE_S
    ) -> Json:
        """Wait until a target is in one of these states; its status."""

        def look() -> Json:
            seen = self.watcher.target(target)
            assert seen.get("state") in states, seen
            return seen

        return self.wait_for(f"{target} is {' or '.join(states)}", look, deadline_s)

    def wait_healthy(self, *targets: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until all of them are healthy; none named: all that are watched."""

        def look() -> bool:
            states = self.watcher.states()
            wanted = targets or tuple(states)
            found = {name: states.get(name, "") for name in wanted}
            assert set(found.values()) == {"healthy"}, states
            return True

        self.wait_for(f"healthy: {', '.join(targets) or 'all'}", look, deadline_s)

    def wait_probes(
        self, target: str, count: int, deadline_s: float = DEADLINE_S
    ) -> None:
        """Wait until so many further probes of a target have ended."""
        before = len(self.watcher.probes(target))
        self.wait_for(
            f"{count} more probes of {target}",
            lambda: len(self.watcher.probes(target)) >= before + count,
            deadline_s,
        )

    def wait_decision(
        self, target: str, action: str, deadline_s: float = DEADLINE_S
    ) -> Record:
        """Wait for a decision on a target; the first of its kind."""
        return self.wait_for(
            f"{target}: {action}",
            lambda: self.watcher.decisions(target, action),
            deadline_s,
        )[0]

    # --- counting

    def asked(self) -> list[str]:
        """What the sidecar had the engine do, in order, as "restart electron-cash".

        Everything that is not a mere question is in it, whatever it is.
        """
        return [self._in_words(asked) for asked in self.gate.posts]

    def runs_asked(self) -> list[str]:
        """Of these, the orders that end or begin a run of a container."""
        ends_or_begins = ("restart ", "start ", "stop ")
        return [line for line in self.asked() if line.startswith(ends_or_begins)]

    def _in_words(self, asked: Asked) -> str:
        parts = asked.path.partition("?")[0].strip("/").split("/")
        if asked.method != "POST" or parts[0] != "containers" or len(parts) != 3:
            return f"{asked.method} {asked.path}"
        return f"{parts[2]} {self._label(parts[1])}"

    def _label(self, container_id: str) -> str:
        name = self._name_of(container_id)
        return name.removeprefix(f"{self.project}-").removesuffix("-1")

    def _name_of(self, container_id: str) -> str:
        for box in self._boxes:
            if container_id in {box.id, box.name}:
                return box.name
        try:
            return str(self.client.containers.get(container_id).name)
        except NotFound:
            return container_id

    def happened(self, box: Box) -> list[str]:
        """What the engine says was done to a container since the stack began.

        Of kill, die, stop, start, restart, pause, unpause, oom, destroy; in order.
        """
        mark = next(b.docker for b in self._boxes if b.status == "running")
        seen = self.engine_events.until(mark)
        return [event.action for event in seen if event.container_id == box.id]

    def starts(self, box: Box) -> int:
        """How often a container was started, its first start and restarts included."""
        return self.happened(box).count("start")

    def report(self) -> str:
        """For the reader of a failed test."""
        parts = [f"--- asked of the engine: {self.asked()}"]
        if self._sidecar is not None:
            lines = [line for line in self._lines() if '"probe: success' not in line]
            parts += [
                "--- the sidecar's log, without successful probes:",
                *lines[-150:],
            ]
        return "\n".join(parts)

    def _lines(self) -> list[str]:
        try:
            return self.watcher.log_lines()
        except (OSError, APIError) as error:
            return [f"no log: {error}"]


def _as_composed() -> Json:
    """What compose/sidecar.yml allows the sidecar's container, as the SDK names it."""
    service = yaml.safe_load(COMPOSE_FILE.read_text())["services"]["sidecar"]
    options = {name: service[name] for name in LOCKS if name in service}
    mounts = (mount.split(":", 1) for mount in service.get("tmpfs", ()))
    return {**options, "tmpfs": dict(mounts)}


def _removed(made: DockerContainer) -> None:
    with contextlib.suppress(NotFound):
        made.stop()
