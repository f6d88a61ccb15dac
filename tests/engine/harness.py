"""Real stacks on the real engine: wallet daemon, service, sidecar, and their records.

Every stack is a compose project of its own as the engine and the sidecar see it,
with a random name, a network of its own and no published port: several run in
parallel. All parts carry the label of this test run and are removed on exit.
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
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, NamedTuple, Self, TypeVar

import docker
import requests
import yaml
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from tenacity import (
    retry,
    retry_if_exception_message,
    stop_after_attempt,
    wait_fixed,
)
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.support.container_commands import run_in
from tests.support.docker_proxy import DockerProxy, EngineRequest, make_socket_folder
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

LOG_DELAY_S = 2.0
POLL_S = 0.25
REQUEST_TIMEOUT_S = 30.0
DEADLINE_S = 60.0
"""Timeout of one wait; generous, because many stacks share few cores."""

Shape = Literal["pid1", "init", "wrapper"]
Json = dict[str, Any]
T = TypeVar("T")

# The defaults, about ten times faster, so that a story of minutes takes seconds. The
# order of the times is kept: fast_interval < interval < timeout < hang_after, and
# stop, boot and verification fit into recovery_timeout, on a busy machine too.
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
    "recovery_timeout": "60s",
    "window": "5m",
}
NOTHING: Mapping[str, object] = MappingProxyType({})
QUICK_HANG_AFTER = "5s"
QUICK_SETTLE = "5s"
SERVICE_HANG_AFTER = "20s"
"""Longer than a busy machine keeps a service silent."""

READ_FILE = "import sys; sys.stdout.write(open(sys.argv[1]).read())"

ENDS_ANSWERS = frozenset({"die", "stop_process"})
"""Faults after which the wallet daemon may send no answer to their order."""

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
        "probe": {
            "type": "http",
            "url": f"http://{SERVICE}:8080/health",
            "hang_after": SERVICE_HANG_AFTER,
        },
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


# --- records of the log and of the engine


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


class EngineAction(NamedTuple):
    """One event of the engine: an action on a container."""

    at: float
    container_id: str
    action: str


class EngineEvents:
    """Events of a project's containers, from now on."""

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
        self._events: list[Json] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        # A stream that is closed from outside ends in one of many ways.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for event in self._stream:
                self._events.append(event)

    def events_until_now(self, container: Container) -> tuple[EngineAction, ...]:
        """All actions until now; complete once the engine reports our own mark.

        ``container`` must run; listing its processes makes the mark.
        """
        asked_ns = time.time_ns()
        container.top()
        deadline = time.monotonic() + 10.0
        # Sidecar lists processes, too: an earlier mark may still be on its way.
        while not any(
            event["Action"] == "top"
            and event["Actor"]["ID"] == container.id
            and event["timeNano"] >= asked_ns
            for event in tuple(self._events)
        ):
            assert time.monotonic() < deadline, "the engine's events are late"
            time.sleep(0.02)
        return tuple(
            EngineAction(event["timeNano"] / 1e9, event["Actor"]["ID"], event["Action"])
            for event in tuple(self._events)
            if event["Action"] in ACTIONS
        )

    def close(self) -> None:
        """Stop listening."""
        self._stream.close()
        self._thread.join(timeout=5.0)
        self._client.close()


# --- containers

retry_pause = retry(
    retry=retry_if_exception_message(match=".*unable to freeze"),
    stop=stop_after_attempt(4),
    wait=wait_fixed(0.5),
    reraise=True,
)
"""runc gives up a pause on a busy host with cgroup v1; the next try may succeed."""


@dataclass(frozen=True)
class Box:
    """One container of the stack."""

    docker: Container
    address: str = ""
    """The address at which this host reaches it; empty: the engine's own for it."""

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
        """Current status by the engine: running, exited, paused, ..."""
        self.docker.reload()
        return str(self.docker.status)

    @property
    def started_at(self) -> str:
        """Start time, which identifies the run."""
        self.docker.reload()
        return str(self.docker.attrs["State"]["StartedAt"])

    @property
    def ip(self) -> str:
        """Current address; a restart may change it."""
        if self.address:
            return self.address
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
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> requests.Response:
        """Send an HTTP request from this host."""
        url = f"http://{self.ip}:{port}{path}"
        return requests.request(
            method, url, json=body, auth=auth, headers=headers, timeout=timeout_s
        )

    @retry_pause
    def pause(self) -> None:
        """Pause all processes, as ``docker pause`` does."""
        self.docker.pause()

    def run(self, *command: str) -> str:
        """Output of a command inside the container, whose status must be 0."""
        status, output = run_in(self.docker, command)
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

    def set_fault(self, name: str, seconds: float | None = None) -> None:
        """Switch a fault on.

        One that ends the answers is ordered once: if the answer is lost, the fault has
        come all the same, and a second order would strike the next run.
        """
        path, body = f"/faults/{name}", {"on": True, "seconds": seconds}
        if name not in ENDS_ANSWERS:
            self.control("PUT", path, body)
            return
        self.calls()  # waits for the control port
        with contextlib.suppress(requests.RequestException):
            self.ask("PUT", 7778, path, body)

    def end_daemon(self) -> None:
        """Let the daemon end by itself."""
        self.set_fault("die")

    def clear_fault(self, name: str) -> None:
        """Switch a fault off."""
        self.control("PUT", f"/faults/{name}", {"on": False})

    def has_fault(self, name: str) -> bool:
        """Whether the fault is on."""
        return bool(self.control("GET", "/faults")[name]["on"])

    def calls(self) -> Json:
        """The ordered calls and the connections of this process."""
        return self.control("GET", "/calls")

    def methods(self) -> list[str]:
        """The methods that clients called, in order."""
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
        """Create another wallet file, encrypted with a password, without loading it."""
        self.control("PUT", "/wallets", {"path": path, "password": password})

    def load(self, path: str = DEFAULT_WALLET, password: str | None = None) -> None:
        """Load a wallet as the command line does, and make it the current one."""
        options = {"wallet_path": path, "password": password}
        self.rpc("daemon", {"subcommand": "load_wallet", **options})
        assert path in self.wallets(), self.wallets()

    def create_address(self, timeout_s: float = REQUEST_TIMEOUT_S) -> str:
        """Create a new address of the current wallet."""
        return str(self.rpc("createnewaddress", timeout_s=timeout_s))

    def callers(self, count: int) -> None:
        """Let ``count`` programs make network-backed calls in a loop."""
        self.control("PUT", "/faults/callers", {"on": count > 0, "count": count})

    def rpc(
        self, method: str, *params: object, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> object:
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
        """Whether the daemon has a process, independent of the container's status."""
        return self.status == "running" and any(self._daemon_processes())

    def _daemon_processes(self) -> Iterator[int]:
        # None for a container that ends at this moment.
        rows = self.docker.top(ps_args="-eo pid,args")["Processes"] or ()
        for pid, command in rows:
            if "wallet.py daemon" in command and "docker-init" not in command:
                yield int(pid)

    def signal_daemon(self, signal: int) -> None:
        """Signal the daemon's process inside the container, in any shape."""
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
    """The demo's webhook, with the messages of its channels."""

    def messages(self, incident: str, channel: str) -> list[dict[str, str]]:
        """``id``, ``title`` and ``message`` of each about an incident, oldest first."""
        return [
            message
            for message in self.ask("GET", 8090, "/messages").json()
            if message["channel"] == channel and message["id"].startswith(incident)
        ]

    def kinds(self, incident: str, channel: str) -> list[str]:
        """Kinds of the messages (opened, escalated, ...), oldest first."""
        return [m["id"].split("-")[2] for m in self.messages(incident, channel)]


@dataclass(frozen=True)
class SidecarBox(Box):
    """The sidecar itself. Its image has Python, and neither shell nor tools."""

    status_read_at: list[float] = field(default_factory=list, compare=False)

    def run_python(self, code: str, *arguments: str) -> str:
        """Output of Python code inside the container, which must end well."""
        return self.run("python3", "-IS", "-c", code, *arguments)

    def read_file(self, path: str) -> str:
        """Text of a file in the container."""
        return self.run_python(READ_FILE, path)

    def status_view(self) -> Json:
        """GET /api/v1/status."""
        answer = self.ask("GET", 9787, "/api/v1/status")
        assert answer.ok, answer.text
        self.status_read_at[:] = [time.time()]
        return dict(answer.json())

    def get_api(self, path: str, *, token: bool = True) -> Json:
        """GET /api/v1/..., with or without the token."""
        headers = {"Authorization": f"Bearer {API_TOKEN}"} if token else {}
        answer = self.ask("GET", 9787, f"/api/v1{path}", headers=headers)
        assert answer.ok, answer.text
        return dict(answer.json())

    def target(self, name: str) -> Json:
        """One target (or replica) of the status."""
        targets = self.status_view()["targets"]
        return next((dict(t) for t in targets if t["name"] == name), {})

    def state(self, name: str) -> str:
        """State of a target; empty: it is not listed yet."""
        return str(self.target(name).get("state", ""))

    def cause(self, name: str) -> str | None:
        """Cause of a target's state, if there is one."""
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
        """The whole log, across restarts of the sidecar.

        It holds the records of all that the last status said: the engine delivers
        lines in order but late, so a line written after that status is awaited.
        """
        deadline = time.monotonic() + LOG_DELAY_S
        while True:
            text = str(self.docker.logs().decode(errors="replace"))
            if not self.status_read_at:
                return text
            last = max((r.at for r in map(_record, text.splitlines()) if r), default="")
            if last > _log_time(self.status_read_at[0]) or time.monotonic() > deadline:
                # Read once more: that line may be the first of several about one step.
                self.status_read_at.clear()
            else:
                time.sleep(POLL_S)

    def log_lines(self) -> list[str]:
        """The log's lines as they were written."""
        return self.log().splitlines()

    def records(self, target: str | None = None) -> list[Record]:
        """Parsed lines of the log, of all targets or of one; probes included."""
        return [
            record
            for record in map(_record, self.log_lines())
            if record is not None and target in {None, record.target}
        ]

    def decisions(self, target: str, action: str | None = None) -> list[Record]:
        """Decisions on a target: its records with an action, in order."""
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


def _log_time(wall_s: float) -> str:
    """A moment as the log writes it."""
    moment = datetime.fromtimestamp(wall_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
    """One compose project, as a context manager that removes all its containers."""

    project: str = field(default_factory=lambda: f"sctest-{os.urandom(4).hex()}")

    def __enter__(self) -> Self:
        self.folder = make_socket_folder(self.project)
        self._boxes: list[Box] = []
        self._containers: list[DockerContainer] = []
        self._sidecar: SidecarBox | None = None
        with contextlib.ExitStack() as exit_stack:
            exit_stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.client = docker.DockerClient()
            exit_stack.callback(self.client.close)
            self.proxy = DockerProxy(self.folder / "engine")
            exit_stack.callback(self.proxy.close)
            self.network = Network(docker_network_kw={"labels": self._labels()})
            exit_stack.callback(self.network._docker.client.close)
            self.network.create()
            exit_stack.callback(self._remove_network)
            exit_stack.callback(self._remove_containers)
            self.engine_events = EngineEvents(self.project)
            exit_stack.callback(self.engine_events.close)
            self._exit_stack = exit_stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit_stack.close()

    def _labels(self) -> dict[str, str]:
        return {**RUN_LABEL, "com.docker.compose.project": self.project}

    def _remove_network(self) -> None:
        # Containers made by compose or by a test are not in our list.
        remaining = self.client.containers.list(
            all=True, filters={"label": f"com.docker.compose.project={self.project}"}
        )
        for container in remaining:
            with contextlib.suppress(NotFound):
                container.remove(force=True, v=True)
        self.network.remove()

    def _remove_containers(self) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(_remove_container, self._containers))

    def connect(self, box: "Box", *aliases: str) -> None:
        """Connect a container, of this stack or another, to this stack's network."""
        network = self.client.networks.get(str(self.network.id))
        network.connect(box.docker, aliases=list(aliases))

    def disconnect(self, box: "Box") -> None:
        """Disconnect a container from this stack's network."""
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
        """Any container, labelled as by compose. ``kwargs`` are the SDK's own.

        ``volumes`` maps paths here to paths inside (read-only, but for folders).
        ``healthcheck`` None: no health check, not even the image's own.
        """
        container = DockerContainer(image, env=dict(env or {}))
        container.with_name(kwargs.pop("name", f"{self.project}-{service}-{number}"))
        if "network_mode" not in kwargs:
            container.with_network(self.network).with_network_aliases(service)
        for source, inside in (volumes or {}).items():
            container.with_volume_mapping(source, inside, "ro")
        container.with_command(kwargs.pop("command", None))
        for inside, outside in kwargs.pop("ports", {}).items():
            container.with_bind_ports(inside, outside)
        tmpfs = kwargs.pop("tmpfs", {})
        for inside, options in tmpfs.items():
            container.with_tmpfs_mount(inside, options)
        container.with_kwargs(
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
        self._containers.append(container)
        container.start()
        return container.get_wrapped_container()

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
        container = self.container(
            "sidecar-demo-wallet:local",
            service,
            env=settings,
            init=shape == "init",
            restart_policy={"Name": restart_policy},
            **more,
        )
        return self._add_box(WalletBox(container))

    def service(
        self,
        service: str = SERVICE,
        *,
        sticky: bool = False,
        restart_policy: str = "no",
        env: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - the SDK's own
    ) -> ServiceBox:
        """The service that calls the wallet; ``sticky``: it does not recover alone."""
        settings = {
            "WALLET_URL": f"http://{WALLET}:7777/",
            "WALLET_USER": RPC_USER,
            "WALLET_PASSWORD": RPC_PASSWORD,
            **({"STICKY": "1"} if sticky else {}),
            **(env or {}),
        }
        container = self.container(
            "sidecar-demo-service:local",
            service,
            env=settings,
            init=True,
            restart_policy={"Name": restart_policy},
            **more,
        )
        return self._add_box(ServiceBox(container))

    def webhook(self) -> WebhookBox:
        """A webhook that receives messages at json://webhook:8090/CHANNEL."""
        source = self._file("webhook.py", WEBHOOK.read_text())
        container = self.container(
            "sidecar:local",
            "webhook",
            entrypoint=["python3", "-IS", "/webhook.py"],
            volumes={str(source): "/webhook.py"},
            init=True,
        )
        box = self._add_box(WebhookBox(container))
        self.wait_for("the webhook", lambda: box.ask("GET", 8090, "/messages").ok)
        return box

    def sidecar(
        self,
        config: Mapping[str, object] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        restart_policy: str = "no",
        tmpfs: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - the SDK's own
    ) -> SidecarBox:
        """The sidecar's image, as compose/sidecar.yml runs it; waits for its HTTP.

        ``config`` None: no file, the environment alone. The wallet's RPC password
        is always in PASSWORD_FILE; ``secrets`` adds files under /run/secrets. The
        engine's socket is the proxy's. Its log level is debug: every probe is logged.
        ``tmpfs`` adds file systems in memory: path and options.
        """
        files = {"electron_cash_password": RPC_PASSWORD, **(secrets or {})}
        volumes = {
            str(self._file(name, text)): f"/run/secrets/{name}"
            for name, text in files.items()
        }
        volumes[str(self.proxy.folder)] = "/engine"
        if config is not None:
            path = self._file("sidecar.yaml", json.dumps(config))
            volumes[str(path)] = "/etc/sidecar/sidecar.yaml"
        container = self.container(
            "sidecar:local",
            SIDECAR,
            env={
                "DOCKER_HOST": "unix:///engine/docker.sock",
                "SIDECAR_LOG_LEVEL": "debug",
                "SIDECAR_API_TOKEN": API_TOKEN,
                **(env or {}),
            },
            volumes=volumes,
            group_add=[str(self.proxy.group)],
            restart_policy={"Name": restart_policy},
            **_as_composed(tmpfs or {}),
            **more,
        )
        self._sidecar = self._add_box(SidecarBox(container))
        self.wait_for("the sidecar answers", self._sidecar.status_view, 2 * DEADLINE_S)
        return self._sidecar

    def rewrite_config(self, text: str) -> None:
        """Change the sidecar's file in place: the mounted file stays the same one."""
        (self.folder / "sidecar.yaml").write_text(text)

    def _add_box(self, box: T) -> T:
        assert isinstance(box, Box)
        self._boxes.append(box)
        return box

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    # --- waiting

    @property
    def watcher(self) -> SidecarBox:
        """The stack's sidecar."""
        assert self._sidecar is not None, "there is no sidecar yet"
        return self._sidecar

    def wait_for(
        self, what: str, look: Callable[[], T], deadline_s: float = DEADLINE_S
    ) -> T:
        """Call ``look`` until its result is true, and return it; errors are retried."""
        end = time.monotonic() + deadline_s
        last_result: object = None
        while True:
            try:
                last_result = look()
                if last_result:
                    return last_result
            except (OSError, APIError, StopIteration, AssertionError) as error:
                last_result = error
            if time.monotonic() > end:
                raise AssertionError(
                    f"not within {deadline_s:.0f} s: {what}; last seen: {last_result!r}"
                )
            time.sleep(POLL_S)

    def wait_state(
        self, target: str, *states: str, deadline_s: float = DEADLINE_S
    ) -> Json:
        """Wait until a target is in one of these states; returns its status."""

        def look() -> Json:
            target_status = self.watcher.target(target)
            assert target_status.get("state") in states, target_status
            return target_status

        return self.wait_for(f"{target} is {' or '.join(states)}", look, deadline_s)

    def wait_healthy(self, *targets: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until these targets, or all targets, are healthy."""

        def look() -> bool:
            states = self.watcher.states()
            wanted = targets or tuple(states)
            found_states = {name: states.get(name, "") for name in wanted}
            assert set(found_states.values()) == {"healthy"}, states
            return True

        self.wait_for(f"healthy: {', '.join(targets) or 'all'}", look, deadline_s)

    def wait_probes(
        self, target: str, count: int, deadline_s: float = DEADLINE_S
    ) -> None:
        """Wait until ``count`` more probes of a target have ended.

        Lines of earlier probes may still be on their way from the engine.
        """
        now = _log_time(time.time())
        self.wait_for(
            f"{count} more probes of {target}",
            lambda: sum(p.at > now for p in self.watcher.probes(target)) >= count,
            deadline_s,
        )

    def wait_decision(
        self, target: str, action: str, deadline_s: float = DEADLINE_S
    ) -> Record:
        """Wait for a decision on a target; returns the first of its kind."""
        return self.wait_for(
            f"{target}: {action}",
            lambda: self.watcher.decisions(target, action),
            deadline_s,
        )[0]

    def wait_outcome(
        self,
        target: str,
        action: str,
        outcome: str = "recovered",
        *,
        times: int | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Wait until the log has this outcome of a target's remedy.

        ``times``: exactly so often; None: at least once.
        """

        def look() -> bool:
            count = self.watcher.outcomes(target).count((action, outcome))
            return count > 0 if times is None else count == times

        often = "" if times is None else f" {times} times"
        self.wait_for(f"{target}: {action} {outcome}{often}", look, deadline_s)

    # --- counting

    def engine_calls(self) -> list[str]:
        """Changing calls of the sidecar, in order, as "restart electron-cash".

        Every request that is not a GET or HEAD is included.
        """
        return [self._describe(request) for request in self.proxy.posts]

    def lifecycle_calls(self) -> list[str]:
        """The engine calls that end or begin a run of a container."""
        ends_or_begins = ("restart ", "start ", "stop ")
        return [line for line in self.engine_calls() if line.startswith(ends_or_begins)]

    def _describe(self, request: EngineRequest) -> str:
        parts = request.path.partition("?")[0].strip("/").split("/")
        if request.method != "POST" or parts[0] != "containers" or len(parts) != 3:
            return f"{request.method} {request.path}"
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

    def engine_actions(self, box: Box) -> list[str]:
        """Actions on a container since the stack began, in order, by the engine.

        Possible: kill, die, stop, start, restart, pause, unpause, oom, destroy.
        """
        # The sidecar first: another container may end before it makes the mark.
        boxes = (self._sidecar, *self._boxes)
        running_container = next(b.docker for b in boxes if b and b.status == "running")
        actions = self.engine_events.events_until_now(running_container)
        return [action.action for action in actions if action.container_id == box.id]

    def starts(self, box: Box) -> int:
        """Number of starts of a container, its first start and restarts included."""
        return self.engine_actions(box).count("start")

    def report(self) -> str:
        """Engine calls and log, for the output of a failed test."""
        parts = [f"--- asked of the engine: {self.engine_calls()}"]
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


def _as_composed(tmpfs: Mapping[str, str]) -> Json:
    """Restrictions of the sidecar's container in compose/sidecar.yml, for the SDK."""
    service = yaml.safe_load(COMPOSE_FILE.read_text())["services"]["sidecar"]
    options = {name: service[name] for name in LOCKS if name in service}
    mounts = (mount.split(":", 1) for mount in service.get("tmpfs", ()))
    return {**options, "tmpfs": {**dict(mounts), **tmpfs}}


def _remove_container(container: DockerContainer) -> None:
    with contextlib.suppress(NotFound):
        container.stop()
