"""The running server answers as its OpenAPI document says (schemathesis)."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, CheckFunction, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.incident_archive import (
    WALLET,
    record_healed_incident,
    record_open_incident,
)
from tests.support.public_server import serve_in_thread

EXAMPLES = int(os.environ.get("SIDECAR_FUZZ_EXAMPLES", "5"))
"""Requests of each kind for each operation."""

ENDLESS = frozenset({"/api/v1/events", "/api/v1/logs/{target}", "/page/stream"})
"""Paths whose answers may have no end."""

HEALTH = (
    *("/livez", "/readyz", "/healthz", "/healthz/{target}"),
    "/healthz/{target}/{replica}",
)
EXCLUDED: dict[str, list[CheckFunction]] = {
    # 503 is how health is answered; 500 is described nowhere, so it fails here, too.
    **{path: [not_a_server_error] for path in HEALTH},
    "/api/v1/history/cures": [positive_data_acceptance],
}
"""Checks that do not apply, by path."""


class DescribedServer:
    """A server with an incident that is over and one that is open, and its address."""

    def __init__(self, url: str, fakes: ApiServiceFakes, incident_id: str) -> None:
        self.schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        self.url = url
        self.fakes = fakes
        self.path_values = {
            "target": WALLET,
            "replica": "1",
            "id": incident_id,
            "incident": incident_id,
            "channel": "ops",
            "backup": "20261130T033000Z-0a1b2c3d",
            "window": "24h",
            "name": "page.css",
        }

    def operations(self) -> list[APIOperation[Any, Any, Any, Any]]:
        """All operations whose answers end."""
        results = list(self.schema.get_all_operations())
        operations = [result.ok() for result in results if isinstance(result, Ok)]
        assert len(operations) == len(results)
        return [operation for operation in operations if operation.path not in ENDLESS]

    def check(
        self,
        operation: APIOperation[Any, Any, Any, Any],
        mode: GenerationMode,
        path_values: dict[str, str],
        **headers: str,
    ) -> None:
        """Send EXAMPLES requests; fails where an answer is not as described_server."""

        excluded = EXCLUDED.get(operation.path, [])

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode, path_parameters=path_values))
        def send(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(
                base_url=self.url, headers=headers, excluded_checks=excluded
            )

        send()


@pytest.fixture(scope="module")
def described_server() -> Iterator[DescribedServer]:
    fakes = ApiServiceFakes()
    record_healed_incident(fakes)
    fakes.world.wait(3600.0, step=60.0)
    incident_id = record_open_incident(fakes)
    fakes.bundles[WALLET] = {"name": WALLET, "log": "last words", "at": (1.0, 2.0)}
    with serve_in_thread(fakes) as url:
        yield DescribedServer(url, fakes, incident_id)


WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


def test_server_answers_valid_requests_as_described(
    described_server: DescribedServer,
) -> None:
    for operation in described_server.operations():
        for path_values in (described_server.path_values, {}):
            described_server.check(
                operation, GenerationMode.POSITIVE, path_values, **WITH_TOKEN
            )


def test_server_refuses_invalid_requests_as_described(
    described_server: DescribedServer,
) -> None:
    for operation in described_server.operations():
        if operation.query or operation.body:
            path_values = described_server.path_values
            described_server.check(
                operation, GenerationMode.NEGATIVE, path_values, **WITH_TOKEN
            )


def test_server_answers_requests_without_token_as_described(
    described_server: DescribedServer,
) -> None:
    for operation in described_server.operations():
        described_server.check(
            operation, GenerationMode.POSITIVE, described_server.path_values
        )
