"""Labels add targets and fill in what the file leaves out; they never break it."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.labels.targets import targets_in_force
from sidecar.config.load import load
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.probe_settings import (
    DockerProbe,
    ExecProbe,
    HttpProbe,
    TcpProbe,
)
from sidecar.core.model.target import (
    PlannedRestartSettings,
    ProbeSchedule,
    RestartSettings,
    Target,
)
from tests.support.config_files import load_text
from tests.support.labelled_containers import FILE, container, labels
from tests.support.quickest import find_quickest_s


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_text(FILE, tmp_path)


def find_added_target(settings: Settings, *containers: Container) -> Target:
    """Find the one target that the labels added; there is no fault."""
    targets, faults = targets_in_force(settings, containers)
    assert faults == ()
    (added,) = (t for t in targets if t.name != "wallet")
    return added


def test_without_labels_the_file_is_in_force(settings: Settings) -> None:
    result = targets_in_force(settings, [container("electron-cash", {"other": "x"})])
    assert result == (settings.targets, ())


def test_labels_make_a_target(settings: Settings) -> None:
    raw_labels = labels(
        probe__type="http",
        probe__url="http://gw:80/",
        probe__expect_status="200, 204",
        depends_on="wallet",
        interval="20s",
        restart__budget="2",
        restart__graceful_rpc_stop="false",
        restart__slow_lane="10m,20m",
        preventive__cron="0 3 * * *",
        preventive__timezone="Asia/Seoul",
    )
    assert find_added_target(settings, container("gw", raw_labels)) == Target(
        "gw",
        service="gw",
        probes=(HttpProbe("http://gw:80/", expect_status=(200, 204)),),
        depends_on=("wallet",),
        cadence=ProbeSchedule(interval_s=20.0),
        restart=RestartSettings(
            budget=2, graceful_rpc_stop=False, slow_lane_s=(600.0, 1200.0)
        ),
        preventive=PlannedRestartSettings("0 3 * * *", "Asia/Seoul"),
    )


def test_container_without_a_service_is_identified_by_its_name(
    settings: Settings,
) -> None:
    raw_labels = labels(probe__type="tcp", probe__host="db", probe__port="5432")
    target = find_added_target(settings, container("", raw_labels, name="db"))
    assert (target.name, target.service, target.container) == ("db", None, "db")
    assert target.probes == (TcpProbe("db", 5432),)


def test_a_container_that_the_file_names_is_no_second_target(tmp_path: Path) -> None:
    text = "targets: {a: {container: oratio-gw-1, probe: {type: docker}}}"
    settings = load_text(text, tmp_path)
    named = container("gw", labels(interval="20s"))
    targets, faults = targets_in_force(settings, [named])
    assert faults == ()
    assert [(t.name, t.service, t.container) for t in targets] == [
        ("a", None, "oratio-gw-1")
    ]
    assert targets[0].cadence.interval_s == 20.0


def test_a_command_is_split_like_a_shell_does(settings: Settings) -> None:
    raw_labels = labels(probe__type="exec", probe__command="sh -c 'test -e /ok'")
    probes = find_added_target(settings, container("a", raw_labels)).probes
    assert probes == (ExecProbe(("sh", "-c", "test -e /ok")),)


def test_labels_fill_in_and_the_file_wins_key_by_key(settings: Settings) -> None:
    raw_labels = {
        "sidecar.probe.url": "http://elsewhere/",
        "sidecar.probe.timeout": "3s",
        "sidecar.restart.budget": "9",
        "sidecar.restart.backoff": "5s",
        "sidecar.severity": "P2",
    }
    targets, faults = targets_in_force(
        settings, [container("electron-cash", raw_labels)]
    )
    (wallet,) = targets
    assert faults == ()
    assert wallet.probes == (HttpProbe("http://electron-cash:7777/", timeout_s=3.0),)
    assert wallet.restart == RestartSettings(budget=2, backoff_s=5.0)
    assert (wallet.name, wallet.service) == ("wallet", "electron-cash")
    assert wallet.severity == "P2"


def test_label_with_another_probe_type_is_ignored(settings: Settings) -> None:
    raw_labels = {"sidecar.probe.type": "tcp", "sidecar.probe.host": "x"}
    result = targets_in_force(settings, [container("electron-cash", raw_labels)])
    assert result == (settings.targets, ())


def test_label_enable_false_keeps_probes_and_disables_restarts(
    settings: Settings,
) -> None:
    raw_labels = {"sidecar.enable": "false"}
    targets, faults = targets_in_force(
        settings, [container("electron-cash", raw_labels)]
    )
    assert faults == ()
    assert [t.restart.enabled for t in targets] == [False]
    assert targets[0].probes == settings.targets[0].probes
    assert (
        targets_in_force(settings, [container("other", raw_labels)])[0]
        == settings.targets
    )


def test_labels_of_the_newest_container_of_a_service_apply(settings: Settings) -> None:
    old = container("a", labels(probe__type="docker", interval="20s"), at=1.0)
    new = container("a", labels(probe__type="docker", interval="30s"), at=2.0)
    assert find_added_target(settings, new, old).cadence.interval_s == 30.0


@pytest.mark.parametrize(
    ("raw_labels", "label", "words"),
    [
        (labels(probe__ulr="x"), "sidecar.probe.ulr", "did you mean sidecar.probe.url"),
        (
            labels(after_root="never"),
            "sidecar.after_root",
            "it is called sidecar.after_dependency now",
        ),
        (labels(probe__url="http://x"), "sidecar.probe.type", "electron_cash"),
        (labels(probe__type="http"), "sidecar.probe.url", "nothing"),
        (labels(probe__type="cpu"), "sidecar.probe.type", "'cpu'"),
        (labels(), "sidecar.probe", "docker"),
        (
            labels(probe__type="docker", probe__host="x"),
            "sidecar.probe.host",
            "this type of probe",
        ),
        (
            labels(probe__type="docker", restart__budget="many"),
            "sidecar.restart.budget",
            "a whole number from 1 to 1000",
        ),
        (
            labels(probe__type="docker", restart__window="1m"),
            "sidecar.restart.window",
            "or more",
        ),
        (
            labels(probe__type="docker", preventive__cron="daily"),
            "sidecar.preventive.cron",
            "'daily'",
        ),
        (
            labels(probe__type="exec", probe__command="sh -c 'x"),
            "sidecar.probe.command",
            "quotes",
        ),
        (labels(service="x", probe__type="docker"), "sidecar.service", "unknown"),
        (
            labels(notify__channels__ops__kind="ntfy", probe__type="docker"),
            "sidecar.notify.channels.ops.kind",
            "unknown",
        ),
        ({"sidecar.enable": "yes"}, "sidecar.enable", "true or false"),
        ({"sidecar.probe.type": "docker"}, "sidecar.enable", "sidecar.enable=true"),
    ],
)
def test_bad_label_drops_only_its_own_target(
    raw_labels: dict[str, str], label: str, words: str, settings: Settings
) -> None:
    good = container("good", labels(probe__type="docker"))
    targets, faults = targets_in_force(settings, [container("bad", raw_labels), good])
    assert [t.name for t in targets] == ["wallet", "good"]
    (fault,) = faults
    assert fault.path == f"container oratio-bad-1, label {label}"
    assert words in fault.line


def test_a_bad_label_leaves_the_files_target_as_it_was(settings: Settings) -> None:
    raw_labels = {"sidecar.restart.window": "1m"}
    targets, faults = targets_in_force(
        settings, [container("electron-cash", raw_labels)]
    )
    assert targets == settings.targets
    assert len(faults) == 1


def test_dependencies_by_label_that_lead_nowhere_are_ignored(
    settings: Settings,
) -> None:
    probe = {"probe__type": "docker"}
    a = container("a", labels(**probe, depends_on="b,nobody,wallet"))
    b = container("b", labels(**probe, depends_on="a"))
    targets, faults = targets_in_force(settings, [a, b])
    assert [t.depends_on for t in targets] == [(), ("wallet",), ("a",)]
    assert len(faults) == 2
    assert all("label sidecar.depends_on" in fault.path for fault in faults)


def test_dependency_of_the_file_wins_over_a_label_in_a_cycle(tmp_path: Path) -> None:
    settings = load_text(
        """
        targets:
          a: {probe: {type: docker}, depends_on: [b]}
          b: {probe: {type: docker}}
        """,
        tmp_path,
    )
    raw_labels = {"sidecar.depends_on": "a"}
    targets, faults = targets_in_force(settings, [container("b", raw_labels)])
    assert [t.depends_on for t in targets] == [("b",), ()]
    assert len(faults) == 1


def test_a_label_cannot_take_the_name_of_another_target(settings: Settings) -> None:
    same_name_container = container("wallet", labels(probe__type="docker"))
    targets, faults = targets_in_force(settings, [same_name_container])
    assert targets == settings.targets
    assert len(faults) == 1


def healthy_container(service: str, raw_labels: Mapping[str, str]) -> Container:
    return replace(container(service, raw_labels), health=NativeHealth.HEALTHY)


def test_only_target_of_a_watch_label_alone_may_finish() -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    labels = {"autoheal": "true"}
    targets, _ = targets_in_force(
        settings,
        [
            healthy_container("job", labels),
            healthy_container("service", {**labels, "sidecar.enable": "true"}),
        ],
    )
    by_name = {target.name: target.may_finish for target in targets}
    assert by_name == {"job": True, "service": False}


def test_a_watch_label_watches_containers_with_a_health_check() -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    raw_labels = {"autoheal": "true"}
    targets, faults = targets_in_force(
        settings,
        [
            healthy_container("a", raw_labels),
            container("no-health-check", raw_labels),
            healthy_container("not-asked", {}),
            healthy_container("declined", {"autoheal": "false"}),
        ],
    )
    assert faults == ()
    watched = Target(
        "a",
        service="a",
        probes=(DockerProbe(),),
        # The health check has a start period, and the engine stops within 10 s.
        cadence=ProbeSchedule(start_period_s=0.0),
        restart=RestartSettings(stop_timeout_s=10.0),
        may_finish=True,
    )
    assert targets == (watched,)


def test_stop_timeout_label_of_watched_container_is_used() -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    raw_labels = {"autoheal": "true", "autoheal.stop.timeout": "3"}
    target = targets_in_force(settings, [healthy_container("a", raw_labels)])[0][0]
    assert target.restart == RestartSettings(
        stop_timeout_s=3.0, dead_stop_timeout_s=3.0
    )
    more = {**raw_labels, "sidecar.restart.stop_timeout": "20s"}
    target = targets_in_force(settings, [healthy_container("a", more)])[0][0]
    assert target.restart.stop_timeout_s == 20.0
    bad = {**raw_labels, "autoheal.stop.timeout": "soon"}
    targets, faults = targets_in_force(settings, [healthy_container("a", bad)])
    assert targets == ()
    assert "autoheal.stop.timeout" in faults[0].path


@pytest.mark.parametrize(
    ("engine_stop_s", "stop_s", "dead_s"),
    [(10.0, 10.0, 5.0), (90.0, 90.0, 5.0), (1.0, 1.0, 1.0), (math.inf, 120.0, 5.0)],
    ids=["default", "stop_grace_period", "short", "endless"],
)
def test_watched_container_gets_the_stop_timeout_of_the_engine(
    engine_stop_s: float, stop_s: float, dead_s: float
) -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    watched_container = replace(
        healthy_container("a", {"autoheal": "true"}), stop_timeout_s=engine_stop_s
    )
    targets, faults = targets_in_force(settings, [watched_container])
    assert faults == ()
    assert targets[0].restart == RestartSettings(
        stop_timeout_s=stop_s, dead_stop_timeout_s=dead_s
    )


def test_watched_container_may_have_sidecar_labels_and_opt_out() -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    raw_labels = {
        "autoheal": "true",
        "sidecar.enable": "false",
        "sidecar.interval": "20s",
    }
    (target,) = targets_in_force(settings, [healthy_container("a", raw_labels)])[0]
    assert not target.restart.enabled
    assert target.cadence.interval_s == 20.0


def test_a_target_of_the_file_is_not_watched_twice(tmp_path: Path) -> None:
    settings = load_text(FILE, tmp_path, {"SIDECAR_WATCH_LABEL": "autoheal"})
    result = targets_in_force(
        settings, [healthy_container("electron-cash", {"autoheal": "true"})]
    )
    assert result == (settings.targets, ())


def test_a_target_given_by_name_alone_may_be_a_container() -> None:
    settings = load({"ELECTRON_CASH_TARGET": "my-wallet"}, None)
    by_name = container("electron-cash", {}, name="my-wallet")
    (target,) = targets_in_force(settings, [by_name])[0]
    assert (target.service, target.container) == (None, "my-wallet")
    by_service = container("my-wallet", {})
    assert targets_in_force(settings, [by_name, by_service])[0] == settings.targets


LABEL = st.sampled_from(
    [
        "enable",
        "probe",
        "probe.type",
        "probe.url",
        "probe.port",
        "probe.command",
        "probe.expect_status",
        "probe.headers.a.b",
        "probe.headers.",
        "restart.budget",
        "restart.slow_lane",
        "restart",
        "preventive.timezone",
        "preventive.cron",
        "depends_on",
        "severity",
        "",
        ".",
    ]
)
VALUE = st.sampled_from(
    [
        "true",
        "false",
        "docker",
        "exec",
        "http://x/",
        "3",
        "a,b",
        "x",
        "10m,",
        "* * * * *",
    ]
) | st.text(max_size=8)


@given(st.lists(st.dictionaries(LABEL, VALUE, max_size=6), max_size=3))
def test_arbitrary_labels_raise_nothing_and_drop_no_other_target(
    many: list[dict[str, str]],
) -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal", "ELECTRON_CASH_USER": ""}, None)
    good = container("good", labels(probe__type="docker"))
    strange = [
        healthy_container(
            f"s{n}",
            {f"sidecar.{k}": v for k, v in raw_labels.items()} | {"autoheal": "true"},
        )
        for n, raw_labels in enumerate(many)
    ]
    targets, _ = targets_in_force(settings, [*strange, good])
    assert "good" in {t.name for t in targets}


async def test_thousand_containers_listed_before_take_little_time(
    settings: Settings,
) -> None:
    compose = {f"com.docker.compose.{n}": "x" for n in range(15)}
    many = [
        container(
            f"s{n}",
            {**compose, **labels(probe__type="http", probe__url=f"http://s{n}/")},
        )
        for n in range(1000)
    ]

    async def measure() -> float:
        began = time.process_time()
        targets_in_force(settings, many)
        return time.process_time() - began

    first, _ = targets_in_force(settings, many)
    assert await find_quickest_s(measure, 0.1) < 0.1
    again, _ = targets_in_force(settings, many)
    assert len(again) == 1001
    assert all(a is b for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    "label",
    [
        {"sidecar.probe.expect_status": "\ud800"},
        {"sidecar.probe.headers.x": "a\udfff"},
        {"sidecar.probe.headers.\ud800": "a"},
    ],
)
def test_lone_surrogate_in_a_label_is_a_fault(
    settings: Settings, label: dict[str, str]
) -> None:
    labelled_container = container("electron-cash", {"sidecar.enable": "true", **label})
    targets, (fault,) = targets_in_force(settings, [labelled_container])
    assert [target.name for target in targets] == ["wallet"]
    assert "not printable" in fault.line
    fault.line.encode()
