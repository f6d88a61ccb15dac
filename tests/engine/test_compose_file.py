"""compose/sidecar.yml with an operator's environment, and without."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.harness import COMPOSE_FILE

pytestmark = pytest.mark.engine

PAIR = ("ELECTRON_CASH_", "BCH_SERVICE_")


def compose_service(folder: Path, **environ: str) -> dict[str, Any]:
    """The sidecar's service as compose understands it, and its secret's file."""
    result = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE_FILE), "config"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "DOCKER_GID": "999", **environ},
        capture_output=True,
        text=True,
        timeout=30.0,
        check=True,
    )
    document = yaml.safe_load(result.stdout)
    (secret,) = document["secrets"].values()
    return {**document["services"]["sidecar"], "secret_file": secret["file"]}


def test_compose_file_needs_no_pair_environment(tmp_path: Path) -> None:
    composed = compose_service(tmp_path)
    pair_environment = {
        k: v for k, v in composed["environment"].items() if k.startswith(PAIR) and v
    }
    assert pair_environment == {}
    assert composed["secret_file"] == "/dev/null"


def test_compose_file_passes_pair_environment(tmp_path: Path) -> None:
    pair = {
        "ELECTRON_CASH_USER": "bchrpc",
        "ELECTRON_CASH_PASSWORD_FILE": "/srv/secrets/sidecar_rpcpassword",
        "BCH_SERVICE_URL": "http://bitcoincash-service:8080/health",
    }
    composed = compose_service(tmp_path, **pair)
    pair_environment = {
        k: v for k, v in composed["environment"].items() if k.startswith(PAIR) and v
    }
    mounted = "/run/secrets/electron_cash_password"
    assert pair_environment == {**pair, "ELECTRON_CASH_PASSWORD_FILE": mounted}
    assert composed["secret_file"] == pair["ELECTRON_CASH_PASSWORD_FILE"]
