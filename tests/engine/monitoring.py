"""Real Prometheus and Alertmanager servers, on loopback addresses of this host."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import docker
import requests
import yaml
from docker.models.containers import Container

from tests.engine.harness import RUN_LABEL
from tests.support.alert_rules import ALERTMANAGER, FOLDER, faster_rules
from tests.support.container_commands import run_in
from tests.support.sidecar_host import own_host

PROMETHEUS_IMAGE = "sidecar-demo-prometheus:local"
ALERTMANAGER_IMAGE = "sidecar-test-alertmanager:local"
SPEED = 120
"""Rules at this speed: half a second stands for one minute."""
INTERVAL, SCRAPE_INTERVAL = "500ms", "1s"
"""Of the rules, and of the scrapes: a scrape ends within it, or its data are lost."""
LOOKBACK = "15s"
"""How long a series is taken for current whose end Prometheus has not noted.

Its default is 5 minutes, ten hours at this speed.
"""
DEADLINE_S = 60.0
POLL_S = 0.1

Json = dict[str, Any]
T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], deadline_s: float = DEADLINE_S) -> T:
    """Call ``look`` until its result is true, and return it."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            result = look()
        except requests.RequestException:
            result = None
        if result:
            return result
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(POLL_S)


class Output(NamedTuple):
    """Exit status and output of a tool."""

    status: int
    text: str


class Server:
    """A server in a container that shares this host's network."""

    def __init__(
        self, image: str, command: list[str], volumes: dict[str, str], port: int
    ) -> None:
        self.address = f"{own_host()}:{port}"
        self._client = docker.DockerClient()
        self._container: Container = self._client.containers.run(
            image,
            [*command, f"--web.listen-address={self.address}"],
            network_mode="host",
            user="0",
            volumes=[f"{outside}:{inside}" for outside, inside in volumes.items()],
            labels=RUN_LABEL,
            detach=True,
        )

    def __enter__(self) -> Self:
        """Wait until it answers: it listens before it has opened its data."""
        wait_for(f"{self.address} is ready", self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        self._container.remove(force=True, v=True)
        self._client.close()

    def _is_ready(self) -> bool:
        return requests.get(f"http://{self.address}/-/ready", timeout=10).ok

    def get(self, path: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON
        """The JSON of an answer."""
        url = f"http://{self.address}{path}"
        answer = requests.get(url, params=parameters, timeout=10)  # type: ignore[arg-type]
        assert answer.ok, answer.text
        return answer.json()

    def run_tool(self, *command: str, stdin: Path | None = None) -> Output:
        """Run a program in the container; ``stdin`` is a path in the container."""
        shell = ["sh", "-c", '"$@"' + (f" <{stdin}" if stdin else ""), "sh", *command]
        status, output = run_in(self._container, shell)
        return Output(status, output.decode())

    def log(self) -> str:
        """The end of the server's log."""
        return str(self._container.logs(tail=30).decode())


class Alertmanager(Server):
    """Alertmanager with the example configuration."""

    def __init__(self) -> None:
        super().__init__(
            ALERTMANAGER_IMAGE,
            [
                f"--config.file=/sidecar/{ALERTMANAGER.name}",
                "--cluster.listen-address=",
                "--storage.path=/tmp/alertmanager",
            ],
            {str(FOLDER): "/sidecar:ro"},
            9093,
        )

    def alerts(self, alert: str) -> list[Json]:
        """Active alerts of a name, inhibited ones as well."""
        filters = f'alertname="{alert}"'
        return list(self.get("/api/v2/alerts", filter=filters))

    def groups(self) -> list[Json]:
        """Groups of alerts: each is one notification."""
        return list(self.get("/api/v2/alerts/groups"))


class Prometheus(Server):
    """Prometheus with the faster rules; it scrapes what ``scrape`` names."""

    def __init__(self, folder: Path, alertmanager: str) -> None:
        self._folder = folder
        self.scrape()
        (folder / "fast.rules.yml").write_text(faster_rules(SPEED))
        (folder / "prometheus.yml").write_text(yaml.safe_dump(_settings(alertmanager)))
        super().__init__(
            PROMETHEUS_IMAGE,
            [
                "--config.file=/work/prometheus.yml",
                "--storage.tsdb.path=/tmp/data",
                f"--query.lookback-delta={LOOKBACK}",
            ],
            {str(FOLDER): "/sidecar:ro", str(folder): "/work"},
            9090,
        )

    def scrape(self, *addresses: str) -> None:
        """Scrape these addresses from now on, as the job ``sidecar``."""
        text = json.dumps([{"targets": list(addresses)}] if addresses else [])
        new = self._folder / "targets.new"
        new.write_text(text)
        new.replace(self._folder / "targets.json")

    def query(self, expr: str) -> list[Json]:
        """The result of an instant query."""
        answer = self.get("/api/v1/query", query=expr)
        return list(answer["data"]["result"])

    def has_data(self, expr: str, began_wall: float) -> bool:
        """Did the query have a result at any second since ``began_wall``?"""
        answer = self.get(
            "/api/v1/query_range",
            query=expr,
            start=began_wall,
            end=time.time(),
            step="500ms",
        )
        result = answer["data"]["result"]
        return any(v != "NaN" for series in result for _, v in series["values"])

    def firing_alerts(self, alert: str, target: str = "") -> list[Json]:
        """Firing alerts of a name, for a target if it is given."""
        matcher = f',target="{target}"' if target else ""
        query = f'ALERTS{{alertname="{alert}",alertstate="firing"{matcher}}}'
        return self.query(query)

    def annotations(self) -> list[Json]:
        """Annotations of each alert that is pending or firing."""
        alerts = self.get("/api/v1/alerts")["data"]["alerts"]
        return [alert["annotations"] for alert in alerts]

    def wait_firing(self, alert: str, target: str = "") -> None:
        """Wait until an alert fires."""
        wait_for(f"{alert} {target} fires", lambda: self.firing_alerts(alert, target))

    def wait_resolved(self, alert: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until no alert of a name fires."""
        what = f"{alert} is resolved"
        try:
            wait_for(what, lambda: not self.firing_alerts(alert), deadline_s)
        except AssertionError as error:
            firing = [one["metric"] for one in self.firing_alerts(alert)]
            raise AssertionError(f"{error}; {firing}; {self.rule_errors()}") from None

    def rule_errors(self) -> list[str]:
        """Why rules could not be evaluated the last time."""
        groups = self.get("/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [f"{r['name']}: {r['lastError']}" for r in rules if r.get("lastError")]


def _settings(alertmanager: str) -> Json:
    scrape = {
        "job_name": "sidecar",
        "file_sd_configs": [
            {"files": ["/work/targets.json"], "refresh_interval": "1s"}
        ],
    }
    return {
        "global": {
            "scrape_interval": SCRAPE_INTERVAL,
            "scrape_timeout": SCRAPE_INTERVAL,
            "evaluation_interval": INTERVAL,
        },
        "rule_files": ["/work/fast.rules.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]
        },
        "scrape_configs": [scrape],
    }
