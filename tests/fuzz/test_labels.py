"""A listing of containers with any labels ends in targets and faults."""

import tempfile
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.labels.targets import targets_in_force
from sidecar.core.text.printable import printable
from tests.fuzz.inputs import TEXTS
from tests.support.config_files import load_text
from tests.support.labelled_containers import FILE, container

with tempfile.TemporaryDirectory() as folder:
    SETTINGS = load_text(FILE, Path(folder))
SECONDS = 2.0
KEYS = st.sampled_from(
    [
        *("enable", "name", "depends_on", "probe.type", "probe.url", "probe.command"),
        *(
            "probe.host",
            "probe.port",
            "probe.method",
            "probe.headers.x",
            "probe.timeout",
        ),
        *("probe.expect_status", "interval", "failure_threshold", "severity"),
        *("restart.enabled", "restart.budget", "restart.backoff", "restart.slow_lane"),
        *(
            "preventive.cron",
            "preventive.timezone",
            "after_dependency",
            "probe.password",
        ),
        *("probe.0.type", "probe..", "a" * 300),
    ]
)
VALUES = TEXTS | st.sampled_from(
    [
        *(
            "true",
            "false",
            "http",
            "tcp",
            "exec",
            "jsonrpc",
            "docker",
            "log",
            "electron_cash",
        ),
        *(
            "http://a:1/",
            "http://[",
            "15s",
            "-1s",
            "1e99d",
            "99999999999999",
            "0 3 * * *",
        ),
        *(
            "* * * * * * *",
            "Asia/Seoul",
            "../../etc/passwd",
            "electron-cash",
            "'unclosed",
        ),
        "x" * 100_000,
    ]
)
LABELS = st.dictionaries(
    KEYS.map("sidecar.{}".format) | TEXTS, VALUES, max_size=8
).flatmap(
    lambda labels: st.sampled_from([labels, {**labels, "sidecar.enable": "true"}])
)
SERVICES = st.sampled_from(["electron-cash", "web", "", "../x"]) | TEXTS


@given(st.lists(st.tuples(SERVICES, LABELS), min_size=1, max_size=3))
def test_listing_of_any_labels_ends_in_targets_and_faults(
    labels_of_services: list[tuple[str, dict[str, str]]],
) -> None:
    containers = [
        container(service, labels, name=f"c{number}", at=float(number))
        for number, (service, labels) in enumerate(labels_of_services)
    ]
    began = time.process_time()
    targets, faults = targets_in_force(SETTINGS, containers)
    assert time.process_time() - began < SECONDS
    assert "wallet" in {target.name for target in targets}
    for fault in faults:
        assert printable(fault.line) == fault.line
        assert "\n" not in fault.line
