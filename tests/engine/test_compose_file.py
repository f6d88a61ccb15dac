"""compose/sidecar.yml with what an operator sets, and without."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.harness import COMPOSE_FILE

pytestmark = pytest.mark.engine

PAIR = ("ELECTRON_CASH_", "BCH_SERVICE_")


def service(folder: Path, **environ: str) -> dict[str, Any]:
    """The sidecar's service as compose understands it, and its secret's file."""
    ran = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE_FILE), "config"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "DOCKER_GID": "999", **environ},
        capture_output=True,
        text=True,
        timeout=30.0,
        check=True,
    )
    whole = yaml.safe_load(ran.stdout)
    (secret,) = whole["secrets"].values()
    return {**whole["services"]["sidecar"], "secret_file": secret["file"]}


def test_what_a_file_replaces_need_not_be_set(tmp_path: Path) -> None:
    made = service(tmp_path)
    said = {k: v for k, v in made["environment"].items() if k.startswith(PAIR) and v}
    assert said == {}
    assert made["secret_file"] == "/dev/null"


def test_the_classic_pair_is_passed_on(tmp_path: Path) -> None:
    pair = {
        "ELECTRON_CASH_USER": "bchrpc",
        "ELECTRON_CASH_PASSWORD_FILE": "/srv/secrets/sidecar_rpcpassword",
        "BCH_SERVICE_URL": "http://bitcoincash-service:8080/health",
    }
    made = service(tmp_path, **pair)
    said = {k: v for k, v in made["environment"].items() if k.startswith(PAIR) and v}
    mounted = "/run/secrets/electron_cash_password"
    assert said == {**pair, "ELECTRON_CASH_PASSWORD_FILE": mounted}
    assert made["secret_file"] == pair["ELECTRON_CASH_PASSWORD_FILE"]
