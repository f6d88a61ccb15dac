"""The image as an operator runs it: by environment, over TCP, with restrictions."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Self

import pytest
from docker.models.containers import Container

from tests.engine.harness import (
    DEADLINE_S,
    PASSWORD_FILE,
    RPC_USER,
    RUN_LABEL,
    SERVICE,
    WALLET,
    SidecarBox,
    Stack,
    wallet_config,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

CLASSIC = {
    "ELECTRON_CASH_USER": RPC_USER,
    "ELECTRON_CASH_PASSWORD_FILE": PASSWORD_FILE,
    "BCH_SERVICE_URL": f"http://{SERVICE}:8080/health",
}


def test_pair_is_monitored_with_environment_only(stack: Stack) -> None:
    wallet, service = stack.wallet(), stack.service()
    stack.sidecar(env=CLASSIC)
    stack.wait_healthy(WALLET, SERVICE)

    wallet.end_daemon()

    # At default settings: up to 5 s to the first failure, then threshold and boot.
    stack.wait_outcome(WALLET, "restart", deadline_s=3 * DEADLINE_S)
    stack.wait_healthy(WALLET, SERVICE, deadline_s=2 * DEADLINE_S)
    assert stack.engine_calls() == [f"restart {WALLET}"]
    assert service.health() == 200
    assert wallet.wallets()


def test_observe_mode_reports_remedies_without_any_changing_call(
    stack: Stack,
) -> None:
    wallet, service = stack.wallet(), stack.service()
    watcher = stack.sidecar(env={**CLASSIC, "SIDECAR_MODE": "observe"})
    hold = stack.wait_decision(WALLET, "hold")
    assert hold.fields["guard"] == "observe"
    assert "observe mode: it would now load_wallet" in hold.message
    assert wallet.rpc("load_wallet")
    stack.wait_healthy(WALLET, SERVICE, deadline_s=2 * DEADLINE_S)
    wallet.control("DELETE", "/calls")

    service.control("fail", {"reason": "broken on purpose"})

    stack.wait_state(SERVICE, "down", deadline_s=2 * DEADLINE_S)
    stack.wait_for(
        "what it would do",
        lambda: any(
            record.fields["guard"] == "observe"
            and "it would now restart" in record.message
            for record in watcher.decisions(SERVICE, "hold")
        ),
    )
    assert stack.engine_calls() == []
    assert not {"stop", "load_wallet"} & set(wallet.methods())


# --- the engine over TCP


class TcpForwarder:
    """The stack's engine proxy on a TCP port that its containers reach."""

    def __init__(self, stack: Stack) -> None:
        network = stack.client.networks.get(stack.network.name)
        (ours,) = network.attrs["IPAM"]["Config"]
        self._engine = stack.proxy.path
        self._listener = socket.create_server((ours["Gateway"], 0))
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        """As DOCKER_HOST has it."""
        host, port = self._listener.getsockname()[:2]
        return f"tcp://{host}:{port}"

    def __enter__(self) -> Self:
        self._start(self._admit)
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5.0)
        for end in (self._listener, *self._ends):
            end.close()

    def _start(self, work: Callable[..., None], *ends: socket.socket) -> None:
        thread = threading.Thread(target=work, args=ends, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _admit(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                outer = self._listener.accept()[0]
                inner = socket.socket(socket.AF_UNIX)
                self._ends += outer, inner
                inner.connect(str(self._engine))
                self._start(_pass_on, outer, inner)
                self._start(_pass_on, inner, outer)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def test_engine_over_tcp_restarts_dead_daemon(stack: Stack) -> None:
    wallet = stack.wallet()
    with TcpForwarder(stack) as forwarder:
        watcher = stack.sidecar(wallet_config(), env={"DOCKER_HOST": forwarder.address})
        stack.wait_healthy(WALLET)
        wallet.end_daemon()
        stack.wait_outcome(WALLET, "restart")
        stack.wait_healthy(WALLET)
        assert watcher.status_view()["ready"]
        assert stack.engine_calls() == [f"restart {WALLET}"]


# --- restrictions


def test_image_runs_unprivileged_on_read_only_root(stack: Stack) -> None:
    stack.wallet()
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)

    process_status = dict(
        line.split(":\t", 1)
        for line in watcher.read_file("/proc/1/status").splitlines()
        if ":\t" in line
    )
    assert set(process_status["Uid"].split()) == {"10001"}
    assert set(process_status["Gid"].split()) == {"10001"}
    for capability_set in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(process_status[capability_set], 16) == 0, capability_set
    assert process_status["NoNewPrivs"] == "1"
    for path in ("/", "/opt/sidecar", "/etc", "/usr/local/bin"):
        assert writable(watcher, path) == "no", path
    assert writable(watcher, "/var/lib/sidecar") == "yes"
    mounts = [line.split() for line in watcher.read_file("/proc/mounts").splitlines()]
    (root,) = (mount[3] for mount in mounts if mount[1] == "/")
    assert "ro" in root.split(",")


def writable(watcher: SidecarBox, folder: str) -> str:
    attempt = """
import sys
try:
    open(sys.argv[1] + "/probe", "w")
except OSError:
    print("no")
else:
    print("yes")
"""
    return watcher.run_python(attempt, folder).strip()


# --- refusals


def run_to_exit(
    stack: Stack,
    *,
    env: Mapping[str, str],
    file: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run the image outside any compose project; returns exit code and output."""
    volumes = [f"{stack.proxy.folder}:/engine"]
    if file is not None:
        path = stack.folder / "refused.yaml"
        path.write_text(file)
        volumes.append(f"{path}:/etc/sidecar/sidecar.yaml:ro")
    container: Container = stack.client.containers.create(
        "sidecar:local",
        name=f"{stack.project}-refused",
        environment={"DOCKER_HOST": "unix:///engine/docker.sock", **env},
        labels={**RUN_LABEL, **(labels or {})},
        volumes=volumes,
        group_add=[stack.proxy.group],
        network_disabled=True,
    )
    try:
        container.start()
        code = container.wait(timeout=60)["StatusCode"]
        return code, container.logs().decode()
    finally:
        container.remove(force=True, v=True)


def test_image_outside_compose_project_exits_with_instruction(
    stack: Stack,
) -> None:
    code, output = run_to_exit(stack, env={})

    assert code == 2
    assert "no stack to act in" in output
    assert "SIDECAR_STACK" in output
    assert "Traceback" not in output
    assert stack.engine_calls() == []


BAD = """
defaults: {interval: 5s, fast_intervall: 1s}
targets:
  electron-cash:
    probe: {type: electron_cash, url: "http://electron-cash:7777/"}
    restart: {budget: many}
  bitcoincash-service:
    depends_on: [electron-cahs]
    probe: {type: http, url: "ftp://bitcoincash-service/"}
"""


def test_faulty_configuration_is_refused_with_all_faults_before_any_request(
    stack: Stack,
) -> None:
    wallet = stack.wallet()
    before = wallet.started_at

    code, output = run_to_exit(
        stack,
        env={"SIDECAR_LISTEN": "nowhere"},
        file=BAD,
        labels={"com.docker.compose.project": stack.project},
    )

    assert code == 2
    for path in (
        "defaults.fast_intervall",
        "targets.electron-cash.restart.budget",
        "targets.bitcoincash-service.depends_on",
        "targets.bitcoincash-service.probe.url",
        "SIDECAR_LISTEN",
    ):
        assert path in output, output
    assert "Traceback" not in output
    assert stack.proxy.requests == ()
    assert wallet.started_at == before
