"""The manifests: valid for the API, and consistent with each other and the image."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeAlias

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support.repository import REPOSITORY

Json: TypeAlias = Any

MANIFESTS = REPOSITORY / "kubernetes"
OLDEST = "1.29"
"""The first version in which a sidecar container is on by default."""
VERSIONS = [OLDEST, "1.33", kubernetes_validate.latest_version()]

SERVICE_MONITOR = {
    # From the reference of the Prometheus operator's API, the fields in use.
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["selector", "endpoints"],
            "additionalProperties": False,
            "properties": {
                "selector": {"type": "object", "required": ["matchLabels"]},
                "endpoints": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string", "pattern": "^/"},
                            "interval": {"type": "string", "pattern": "^[0-9]+s$"},
                        },
                    },
                },
            },
        },
    },
}


def read_documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def read_pod() -> Json:
    (stateful_set,) = (
        d for d in read_documents("wallet.yaml") if d["kind"] == "StatefulSet"
    )
    return stateful_set["spec"]["template"]["spec"]


def list_containers() -> Iterator[Json]:
    pod = read_pod()
    yield from (*pod["initContainers"], *pod["containers"])


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid_for_the_api(version: str) -> None:
    for document in read_documents("wallet.yaml"):
        kubernetes_validate.validate(document, version, strict=True)


def test_service_monitor_finds_the_port_of_the_service() -> None:
    (monitor,) = read_documents("servicemonitor.yaml")
    Draft202012Validator(SERVICE_MONITOR).validate(monitor)
    (service,) = (d for d in read_documents("wallet.yaml") if d["kind"] == "Service")
    labels = monitor["spec"]["selector"]["matchLabels"].items()
    assert labels <= service["metadata"]["labels"].items()
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {e["port"] for e in monitor["spec"]["endpoints"]} <= ports


def test_every_mount_has_its_volume_and_every_file_its_config_map() -> None:
    (stateful_set,) = (
        d for d in read_documents("wallet.yaml") if d["kind"] == "StatefulSet"
    )
    claims = stateful_set["spec"]["volumeClaimTemplates"]
    volumes = {volume["name"]: volume for volume in read_pod()["volumes"]}
    names = volumes.keys() | {claim["metadata"]["name"] for claim in claims}
    mounts = [m["name"] for c in list_containers() for m in c["volumeMounts"]]
    assert set(mounts) == names
    (kustomization,) = read_documents("kustomization.yaml")
    generated = {g["name"]: g["files"] for g in kustomization["configMapGenerator"]}
    used = {v["configMap"]["name"] for v in volumes.values() if "configMap" in v}
    assert used == generated.keys()
    for file in (*kustomization["resources"], *chain(*generated.values())):
        assert (MANIFESTS / file).is_file()


def test_sidecar_is_a_native_sidecar_that_only_observes() -> None:
    (sidecar,) = (c for c in list_containers() if c["name"] == "sidecar")
    assert sidecar["restartPolicy"] == "Always"
    environ = {v["name"]: v.get("value") for v in sidecar["env"]}
    assert environ["SIDECAR_ENGINE"] == "none"
    assert environ["SIDECAR_MODE"] == "observe"


def test_containers_have_no_privilege() -> None:
    assert read_pod()["automountServiceAccountToken"] is False
    assert read_pod()["securityContext"]["runAsNonRoot"] is True
    for container in list_containers():
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_wallet_has_time_to_save_its_addresses() -> None:
    """The hook waits 60 s; then the kubelet still needs time for its signals."""
    assert "LIMIT_S = 60.0" in (MANIFESTS / "polite_stop.py").read_text()
    assert read_pod()["terminationGracePeriodSeconds"] >= 60 + 20
