"""``sidecar init`` and ``sidecar doctor`` on a real engine."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from sidecar.core.setup.hazards.table import HAZARDS
from tests.engine.harness import RUN_LABEL, SERVICE, WALLET, Stack
from tests.support.docker_proxy import ENGINE
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.engine

IMAGE_NAME = "sidecar:local"
SECOND, THIRD, LOOPING = "electron-cash-wallet", "electron-cash-node", "looping"
DEADLINE_S = 60.0


def run_sidecar(
    stack: Stack, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command on this host, with the proxy before the engine."""
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments, "--stack", stack.project],
        cwd=REPOSITORY,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "DOCKER_HOST": f"unix://{stack.proxy.path}",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture
def make_volume() -> Iterator[Callable[..., str]]:
    """Makes volumes that are removed at the end. Name it before the stack."""
    with contextlib.ExitStack() as exit_stack:
        client = docker.DockerClient()
        exit_stack.callback(client.close)

        def make(**options: str) -> str:
            volume = client.volumes.create(
                f"sctest-{os.urandom(4).hex()}", driver_opts=options, labels=RUN_LABEL
            )
            exit_stack.callback(volume.remove)
            return str(volume.name)

        yield make


def mount(volume: str) -> dict[str, str]:
    """The volume as the wallet's folder."""
    return {"Type": "volume", "Source": volume, "Target": "/data"}


def run_hazardous_stack(stack: Stack, small_volume: str) -> None:
    """Start a stack that has every hazard of the table."""
    stack.wallet(
        shape="pid1",
        env={"DATA_DIR": "/tmp/wallet", "TZ": "Asia/Soul"},
        entrypoint=["sh", "-c", "mkdir -p /tmp/wallet && exec /app/entrypoint.sh"],
        ports={7777: None},
        healthcheck={"test": ["CMD-SHELL", "nc -z localhost 7777"]},
    )
    stack.wallet(SECOND, env={"TZ": "Asia/Seoul"})
    third = stack.wallet(THIRD, mounts=[mount(small_volume)])
    third.run("dd", "if=/dev/zero", "of=/data/fill", "bs=1k", "count=980")
    stack.service(env={"TZ": "UTC"})
    stack.container(
        IMAGE_NAME,
        LOOPING,
        entrypoint=["python3", "-c", "raise SystemExit(1)"],
        restart_policy={"Name": "always"},
    )
    stack.container(
        IMAGE_NAME,
        "sidecar",
        network_mode="bridge",
        volumes={"/var/run/docker.sock": "/var/run/docker.sock"},
    )
    stack.proxy.alter("^/info", shift_clock)


def shift_clock(info: dict[str, Any]) -> dict[str, Any]:
    """The engine's answer an hour later than it is."""
    at = datetime.fromisoformat(info["SystemTime"]) + timedelta(hours=1)
    return info | {"SystemTime": at.isoformat()}


def test_doctor_finds_every_hazard_of_a_stack(
    make_volume: Callable[..., str], stack: Stack
) -> None:
    small = make_volume(type="tmpfs", device="tmpfs", o="size=1m,uid=1000")
    run_hazardous_stack(stack, small)
    services_by_code: dict[str, set[str]] = {}
    result = stack.wait_for(
        "a hazard of each kind",
        lambda: diagnose_all(stack, services_by_code),
        DEADLINE_S,
    )
    document = json.loads(result.stdout)
    assert result.returncode == 1, result.stderr
    assert services_by_code["wallet_not_on_volume"] == {WALLET}
    assert services_by_code["rpc_published"] == {WALLET}
    assert services_by_code["anonymous_volume"] == {SECOND}
    assert services_by_code["crash_loop_policy"] == {LOOPING}
    assert services_by_code["harmful_health_check"] == {WALLET}
    assert services_by_code["ignores_sigterm"] >= {WALLET}
    assert services_by_code["wrong_socket_group"] == {"sidecar"}
    assert services_by_code["no_shared_network"] >= {WALLET, SERVICE}
    assert services_by_code["password_in_environment"] >= {WALLET, SERVICE}
    assert services_by_code["unknown_time_zone"] == {WALLET}
    assert (
        services_by_code["clock_differs"]
        == services_by_code["disk_nearly_full"]
        == {""}
    )
    assert "rpc-password-of-the-test" not in result.stdout
    assert document["stack"] == stack.project
    assert stack.proxy.posts == ()


def diagnose_all(
    stack: Stack, services_by_code: dict[str, set[str]]
) -> subprocess.CompletedProcess[str]:
    """Diagnose; AssertionError while a kind of hazard is missing."""
    result = run_sidecar(stack, "doctor", "--json")
    services_by_code.clear()
    for hazard in json.loads(result.stdout)["hazards"]:
        services_by_code.setdefault(hazard["code"], set()).add(hazard["service"])
    assert services_by_code.keys() == {rule.code for rule in HAZARDS}, result.stdout
    return result


@pytest.fixture
def sound_stack(make_volume: Callable[..., str], stack: Stack) -> Stack:
    """The pair without a hazard that its operator could avoid, with its Sidecar."""
    stack.wallet(shape="init", mounts=[mount(make_volume())], mem_limit="256m")
    stack.service(mem_limit="256m")
    stack.container(
        IMAGE_NAME,
        "sidecar",
        volumes={"/var/run/docker.sock": "/var/run/docker.sock"},
        group_add=[str(stack.proxy.group)],
    )
    return stack


def test_doctor_of_a_sound_stack_finds_only_the_passwords_of_the_demo(
    sound_stack: Stack, tmp_path: Path
) -> None:
    result = run_sidecar(
        sound_stack, "doctor", "--json", SIDECAR_STATE_DIR=str(tmp_path)
    )
    document = json.loads(result.stdout)
    codes = {hazard["code"] for hazard in document["hazards"]}
    # The demo's programs take passwords from variables; the host's disk may be full.
    assert codes - {"disk_nearly_full"} == {"password_in_environment"}
    assert document["unjudged"] == []


def test_doctor_without_the_optional_calls_still_judges_the_rest(
    sound_stack: Stack,
) -> None:
    for path in ("^/info", "/top"):
        sound_stack.proxy.answer("GET", path, 403, '{"message": "forbidden"}')
    result = run_sidecar(sound_stack, "doctor", "--json")
    document = json.loads(result.stdout)
    unjudged = {item["code"] for item in document["unjudged"]}
    assert {"clock_differs"} <= unjudged
    assert "password_in_environment" in {h["code"] for h in document["hazards"]}


def test_doctor_knows_the_wallet_daemons_of_the_settings(
    stack: Stack, tmp_path: Path
) -> None:
    stack.wallet("ledger")
    file = tmp_path / "sidecar.yaml"
    probe = {"type": "electron_cash", "url": "http://ledger:7777/"}
    settings = {"language": "ko", "targets": {"ledger": {"probe": probe}}}
    file.write_text(json.dumps(settings))
    result = run_sidecar(stack, "doctor", "--json", SIDECAR_CONFIG=str(file))
    hazards = {h["code"]: h for h in json.loads(result.stdout)["hazards"]}
    assert hazards["anonymous_volume"]["service"] == "ledger"
    assert "지갑" in hazards["anonymous_volume"]["reason"]


@pytest.fixture
def run_in_container(stack: Stack) -> Iterator[Callable[..., tuple[int, Any]]]:
    """Runs ``sidecar doctor`` of this tree in a container of the stack, as its user.

    Returns the exit status and the JSON document.
    """
    containers = []

    def run(*groups: str) -> tuple[int, Any]:
        container = stack.client.containers.run(
            IMAGE_NAME,
            ["-m", "sidecar", "doctor", "--json"],
            entrypoint=["python3"],
            environment={"PYTHONPATH": "/code"},
            volumes=[
                f"{REPOSITORY}/sidecar:/code/sidecar:ro",
                f"{ENGINE}:/var/run/docker.sock",
            ],
            labels={**RUN_LABEL, "com.docker.compose.project": stack.project},
            detach=True,
            group_add=list(groups),
        )
        containers.append(container)
        status = int(container.wait(timeout=DEADLINE_S)["StatusCode"])
        return status, json.loads(container.logs(stderr=False))

    yield run
    for container in containers:
        container.remove(force=True)


def test_doctor_in_sidecars_container_judges_its_own_stack(
    stack: Stack, run_in_container: Callable[..., tuple[int, Any]]
) -> None:
    stack.wallet(shape="init")
    status, document = run_in_container(str(stack.proxy.group))
    assert status == 1
    assert document["stack"] == stack.project
    codes = {hazard["code"] for hazard in document["hazards"]}
    assert {"anonymous_volume", "no_memory_limit"} <= codes
    assert "wrong_socket_group" not in codes


def test_doctor_in_the_wrong_group_names_the_group(
    stack: Stack, run_in_container: Callable[..., tuple[int, Any]]
) -> None:
    status, document = run_in_container()
    assert status == 1
    (hazard,) = document["hazards"]
    assert hazard["code"] == "wrong_socket_group"
    assert hazard["line"] == f'group_add: ["{stack.proxy.group}"]'
    assert document["unjudged"] != []


def test_doctor_without_an_engine_exits_2(stack: Stack) -> None:
    stack.proxy.shut()
    result = run_sidecar(stack, "doctor")
    assert (result.returncode, result.stdout) == (2, "")
    assert "no connection to the engine" in result.stderr


# --- init


def compose_config(*files: Path) -> dict[str, Any]:
    """The files as compose understands them together."""
    options = [word for file in files for word in ("-f", str(file))]
    result = subprocess.run(
        ["docker", "compose", *options, "config"],
        cwd=files[0].parent,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30.0,
        check=True,
    )
    document = yaml.safe_load(result.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture
def check_in_container(stack: Stack) -> Callable[[Path], str]:
    """Runs ``sidecar config check`` on a file, with the secret that it names."""

    def check(file: Path) -> str:
        secret = stack.folder / "sidecar_rpcpassword"
        secret.write_text("a-long-rpc-password")
        secret.chmod(0o644)
        output = stack.client.containers.run(
            IMAGE_NAME,
            ["config", "check"],
            remove=True,
            labels=RUN_LABEL,
            volumes=[
                f"{file}:/etc/sidecar/sidecar.yaml:ro",
                f"{secret}:/run/secrets/sidecar_rpcpassword:ro",
            ],
        )
        assert isinstance(output, bytes)
        return output.decode()

    return check


def test_init_of_a_running_stack_passes_the_check_and_compose(
    stack: Stack, check_in_container: Callable[[Path], str], tmp_path: Path
) -> None:
    stack.wallet(shape="init")
    stack.service(labels={"com.docker.compose.depends_on": f"{WALLET}:started:false"})
    folder = tmp_path / "sidecar"
    result = run_sidecar(stack, "init", "--output", str(folder), "--yes")
    assert result.returncode == 0, result.stderr
    assert "rpc-password-of-the-test" not in result.stdout + result.stderr
    assert f"RPC_PASSWORD of {WALLET} is in its plain environment" in result.stdout
    file = folder / "sidecar.yaml"
    targets = yaml.safe_load(file.read_text())["targets"]
    assert targets[WALLET]["probe"]["url"] == f"http://{WALLET}:7777/"
    assert targets[WALLET]["probe"]["username"] == "bchrpc"
    assert targets[SERVICE]["depends_on"] == [WALLET]
    assert "the configuration is good" in check_in_container(file)
    base = tmp_path / "compose.yaml"
    base.write_text("services: {electron-cash: {image: x}}\n")
    composed = compose_config(base, folder / "compose.sidecar.yaml")
    lines = composed["services"]["sidecar"]
    assert lines["group_add"] == [str(stack.proxy.group)]
    assert lines["secrets"][0]["source"] == "sidecar_rpcpassword"
    assert stack.proxy.posts == ()
