"""Sidecar in a pod, without an engine: a kubelet restarts by its answers.

The probes and hooks are those of kubernetes/wallet.yaml. No kubelet runs here: the test
asks the questions of the manifest, and restarts the daemon as a kubelet would.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.repository import REPOSITORY
from tests.support.sidecar_host import QUICK, SidecarHost
from tests.support.wallet_process import PASSWORD, USER, Daemon

MANIFESTS = REPOSITORY / "kubernetes"
WALLET = "electron-cash"
COMMAND_S = 60.0


class CommandResult(NamedTuple):
    status: int
    line: str


class Pod:
    """The wallet's pod: its daemon and Sidecar are processes of this machine."""

    def __init__(self, host: SidecarHost, daemon: Daemon, folder: Path) -> None:
        self.host = host
        self.daemon = daemon
        self._password = folder / "rpc-password"
        self._password.write_text(PASSWORD)
        documents = yaml.safe_load_all((MANIFESTS / "wallet.yaml").read_text())
        (stateful_set,) = (d for d in documents if d["kind"] == "StatefulSet")
        self.spec = stateful_set["spec"]["template"]["spec"]
        (self.wallet,) = self.spec["containers"]
        (self.sidecar,) = (
            c for c in self.spec["initContainers"] if c.get("restartPolicy")
        )

    def write_settings(self, **targets: object) -> str:
        """The file of the manifest, with further targets."""
        settings = yaml.safe_load((MANIFESTS / "sidecar.yaml").read_text())
        target = settings["targets"][WALLET]
        target |= QUICK | {"start_period": "2s"}
        probe = {"url": self._place("http://127.0.0.1:7777/")}
        target["probe"] |= probe | {"password_file": str(self._password)}
        settings["targets"] |= targets
        return self.host.config(**settings)

    def start_sidecar(self) -> subprocess.Popen[str]:
        environ = {
            variable["name"]: variable["value"]
            for variable in self.sidecar["env"]
            if "value" in variable
        }
        config = self.write_settings()
        return self.host.start_serving(SIDECAR_CONFIG=config, HOSTNAME="", **environ)

    def ask(self, probe: str) -> bool:
        """The answer to a probe of the wallet's container."""
        question = self.wallet[probe]
        if "httpGet" in question:
            return self.host.get(question["httpGet"]["path"]).status == 200
        return self.run(question["exec"]["command"]).status == 0

    def liveness_reason(self) -> str:
        return str(self.host.get(f"/healthz/{WALLET}?liveness=1").json["reason"])

    def run(self, command: list[str]) -> CommandResult:
        """Run a command of the wallet's container."""
        result = subprocess.run(
            [sys.executable, *map(self._place, command[1:])],
            env=self.host.environ,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert result.stderr == ""
        return CommandResult(result.returncode, result.stdout)

    def restart_by_kubelet(self) -> None:
        """Restart the wallet's container as the kubelet does, with its hook."""
        self.run(self.wallet["lifecycle"]["preStop"]["exec"]["command"])
        self.daemon.restart()
        self.daemon.result("load_wallet")

    def until(self, what: str, **answers: bool) -> None:
        self.host.until(
            f"{what}: {answers}",
            lambda: all(
                self.ask(f"{name}Probe") is yes for name, yes in answers.items()
            ),
        )

    def _place(self, word: str) -> str:
        """The word of a manifest, at its place on this machine."""
        places = {
            "/tools/healthcheck.py": str(REPOSITORY / "healthcheck.py"),
            "/stop/polite_stop.py": str(MANIFESTS / "polite_stop.py"),
            "/run/secrets/wallet/rpc-password": str(self._password),
            "http://127.0.0.1:7777/": f"http://127.0.0.1:{self.daemon.rpc_port}/",
        }
        return places.get(word, word)


@pytest.fixture
def pod(sidecar_host: SidecarHost, tmp_path: Path) -> Iterator[Pod]:
    sidecar_host.engine.stop()
    daemon = Daemon(tmp_path / "data", {"RPC_USER": USER}).start()
    daemon.result("load_wallet")
    yield Pod(sidecar_host, daemon, tmp_path)
    daemon.kill()


def test_kubelet_restarts_only_for_causes_that_a_restart_repairs(pod: Pod) -> None:
    pod.start_sidecar()
    pod.until("it works", readiness=True, liveness=True)
    pod.host.wait_until_ready()

    pod.daemon.fault("upstream_lost")
    handed_out = pod.daemon.result("createnewaddress")
    why = "because a restart does not bring the upstream server back"
    pod.host.until("the failure is certain", lambda: why in pod.liveness_reason())
    assert (pod.ask("readinessProbe"), pod.ask("livenessProbe")) == (False, True)
    pod.daemon.fault("upstream_lost", on=False)
    pod.until("it works again", readiness=True, liveness=True)

    pod.daemon.kill()
    pod.until("a restart is due", readiness=False, liveness=False, startup=False)
    pod.restart_by_kubelet()
    pod.until("the restart helped", readiness=True, liveness=True, startup=True)
    assert handed_out in pod.daemon.result("listaddresses")
    (target,) = pod.host.get("/api/v1/status").json["targets"]
    assert (target["name"], target["state"]) == (WALLET, "healthy")


def test_target_of_a_reloaded_file_is_watched(pod: Pod) -> None:
    process = pod.start_sidecar()
    probe = {"type": "tcp", "host": "127.0.0.1", "port": pod.daemon.rpc_port}
    pod.write_settings(port={"probe": probe} | QUICK)
    process.send_signal(signal.SIGHUP)
    pod.host.until(
        "it is watched", lambda: pod.host.target("port").get("state") == "healthy"
    )


def test_a_dead_sidecar_makes_no_kubelet_restart_the_wallet(pod: Pod) -> None:
    assert pod.ask("livenessProbe")


def test_stop_hook_lets_the_daemon_save_its_addresses(pod: Pod) -> None:
    pod.daemon.fault("upstream_lost")
    handed_out = pod.daemon.result("createnewaddress")
    command = pod.wallet["lifecycle"]["preStop"]["exec"]["command"]
    result = pod.run(command)
    assert result == (0, "stop was answered with HTTP 200\nthe daemon has ended\n")
    assert pod.daemon.wait_for_exit() == 0
    assert pod.run(command).line.startswith("the daemon could not be asked to stop: ")
    pod.daemon.restart()
    pod.daemon.result("load_wallet")
    assert handed_out in pod.daemon.result("listaddresses")


def test_settings_that_need_an_engine_are_refused_without_one(pod: Pod) -> None:
    targets: dict[str, Any] = {
        WALLET: {
            "probe": [
                {"type": "running"},
                {"type": "tcp", "host": WALLET, "port": 7777},
            ]
        },
        "other": {
            "probe": {"type": "http", "url": "http://other/"},
            "recreate": True,
            "busy": {"command": ["true"]},
            "preventive": {"cron": "0 3 * * *"},
            "drill": {"cron": "0 3 * * *", "fault": "kill"},
        },
    }
    hooks = [{"on": "opened", "exec": {"container": "x", "command": ["true"]}}]
    task = {"type": "command", "target": "other", "command": ["true"], "every": "daily"}
    config = pod.host.config(
        targets=targets, hooks=hooks, maintenance={"tasks": {"disk": task}}, mode="act"
    )
    check = [sys.executable, "-m", "sidecar", "config", "check"]
    environ = pod.host.environ | {"SIDECAR_CONFIG": config, "SIDECAR_ENGINE": "none"}
    result = subprocess.run(
        check,
        env=environ,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    output = result.stdout + result.stderr
    assert result.returncode == 2
    for key in (
        "mode",
        f"targets.{WALLET}.probe[0]",
        "targets.other.recreate",
        "targets.other.busy.command",
        "targets.other.preventive",
        "targets.other.drill",
        "hooks[0].exec",
        "maintenance.tasks.disk",
    ):
        line = next(line for line in output.splitlines() if f"{key}: " in line)
        assert "there is no engine to ask" in line
