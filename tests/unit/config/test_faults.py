"""All faults at once, each with its path, the found and the allowed value."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.config.file.schema import scenario_schema, schema
from tests.support.config_files import (
    faults_of,
    load_text,
    target_faults_of,
    write_whole_config,
)

MANY = """
mode: actt
listen: 0.0.0.0:1
defaults: {interval: 15, timeoutt: 3s}
targets:
  a:
    probe: {type: htp, url: http://x/}
  b:
    probe: {type: http, url: "http://u:hunter2@x/", passwort: hunter2,
            expect_status: [20]}
    depends_on: [c, nobody]
    restart: {budget: 0, window: 1m, backoff: 10m}
  c:
    probe: [{type: tcp, host: x}, {type: logs}, {type: exec, command: hunter2}]
    depends_on: [b]
  d:
    probe: hunter2
    preventive:
  e:
    service: b
    fast_interval: 30s
    preventive: {cron: "61 * * * *", timezone: Asia/Soul}
  f g: {probe: {type: docker}}
notify:
  routes: {P9: [x], P1: [ops]}
  channels: {phone: {url: [hunter2]}, mail: {}}
hooks: [{on: foo, post: http://x/}]
"""


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    faults = faults_of(MANY, tmp_path)
    assert set(faults) == {
        "mode",
        "listen",
        "defaults.interval",
        "defaults.timeoutt",
        "targets.a.probe.type",
        "targets.b.probe.expect_status[0]",
        "targets.b.probe.passwort",
        "targets.b.probe.url",
        "targets.b.depends_on",
        "targets.b.restart.budget",
        "targets.b.restart.window",
        "targets.b.restart.backoff",
        "targets.c.probe[0].port",
        "targets.c.probe[1].type",
        "targets.c.probe[2].command",
        "targets.d.probe",
        "targets.d.preventive",
        "targets.e.probe",
        "targets.e.service",
        "targets.e.fast_interval",
        "targets.e.preventive.cron",
        "targets.e.preventive.timezone",
        "targets.f g",
        "notify.routes.P9",
        "notify.routes.P1",
        "notify.channels.phone.url",
        "notify.channels.mail.url",
        "hooks[0].on",
    }
    assert not any("hunter2" in fault.line for fault in faults.values())


def test_fault_names_allowed_values_and_a_hint(tmp_path: Path) -> None:
    faults = faults_of(MANY, tmp_path)
    assert faults["defaults.interval"].actual == "15"
    assert "such as 500ms, 15s" in faults["defaults.interval"].allowed
    assert faults["defaults.timeoutt"].hint == "did you mean timeout?"
    assert faults["targets.b.probe.passwort"].hint == "did you mean password?"
    assert faults["targets.a.probe.type"].hint == "did you mean http?"
    assert faults["targets.c.probe[1].type"].hint == "did you mean log?"
    assert faults["targets.b.restart.budget"].allowed == "a whole number from 1 to 1000"
    assert "username and password_file" in faults["targets.b.probe.url"].hint
    assert "type: docker" in faults["targets.e.probe"].hint
    assert "SIDECAR_LISTEN" in faults["listen"].hint
    assert faults["mode"].line == "mode: found 'actt'; allowed: act, observe"


def test_consequence_of_a_fault_is_no_second_fault(tmp_path: Path) -> None:
    """A probe of an unknown type is one fault, not a target without a probe too."""
    faults = faults_of("targets: {a: {probe: {type: x}}}", tmp_path)
    assert set(faults) == {"targets.a.probe.type"}


def test_a_target_with_faults_can_be_depended_on(tmp_path: Path) -> None:
    text = """
    targets:
      a: {probe: {type: docker}, settle: 1}
      b: {probe: {type: docker}, depends_on: [a]}
    """
    assert set(faults_of(text, tmp_path)) == {"targets.a.settle"}
    text = "targets: {a: 5, b: {probe: {type: docker}, depends_on: [a]}}"
    assert set(faults_of(text, tmp_path)) == {"targets.a"}


def test_a_password_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    probe = "{type: http, url: 'http://x/', username: u, password: 1234567}"
    faults = faults_of(f"targets: {{t: {{probe: {probe}}}}}", tmp_path)
    assert faults["targets.t.probe.password"].actual == "***"


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ("fast_interval: 20s", "fast_interval"),
        ("fast_interval: 50ms", "fast_interval"),
        ("interval: 0s", "interval"),
        ("failure_threshold: 0", "failure_threshold"),
        ("success_threshold: true", "success_threshold"),
        ("start_period: 3m", "restart.recovery_timeout"),
        ("start_period: 0s, success_threshold: 99", "restart.recovery_timeout"),
        (
            "start_period: 60s, restart: {recovery_timeout: 30s}",
            "restart.recovery_timeout",
        ),
        ("restart: {budget: 0}", "restart.budget"),
        ("restart: {backoff: 6m, window: 1h}", "restart.backoff"),
        ("restart: {window: 5m}", "restart.window"),
        ("restart: {budget: 20}", "restart.window"),
        ("restart: {dead_stop_timeout: 31s}", "restart.dead_stop_timeout"),
        ("restart: {slow_lane: [20m, 10m]}", "restart.slow_lane"),
        ("restart: {slow_lane: 10m}", "restart.slow_lane"),
        ("preventive: {cron: '61 * * * *'}", "preventive.cron"),
        ("preventive: {cron: '0 0 31 2 *'}", "preventive.cron"),
        ("preventive: {cron: '0 3 * *'}", "preventive.cron"),
        ("preventive: {cron: '0 3 * * *', timezone: Mars}", "preventive.timezone"),
        ("preventive: {cron: '0 3 * * *', timezone: ../UTC}", "preventive.timezone"),
        ("preventive: {cron: '0 * * * *', jitter: 1h}", "preventive.jitter"),
        ("backup: {path: /x, cron: '0 3 * * *'}", "backup"),
        ("busy: {url: 'redis://x'}", "busy.url"),
        ("busy: {url: 'http://x/', command: [x]}", "busy"),
        ("busy: {max_wait: 5m}", "busy"),
        ("busy: {url: 'http://x/', max_wait: soon}", "busy.max_wait"),
        ("recreate: 1", "recreate"),
        ("recreate: true, restart: {slow_lane: []}", "recreate"),
        ("depends_on: [t]", "depends_on"),
        ("depends_on: [x]", "depends_on"),
        ("container: x, service: y", "container"),
        ("severity: P4", "severity"),
        ("after_dependency: sometimes", "after_dependency"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    settings: str, path: str, tmp_path: Path
) -> None:
    assert set(target_faults_of(settings, tmp_path)) == {f"targets.t.{path}"}


def test_key_of_an_earlier_version_gets_a_hint_with_its_new_name(
    tmp_path: Path,
) -> None:
    faults = target_faults_of("after_root: never", tmp_path)
    hint = faults["targets.t.after_root"].hint
    assert hint == "it is called after_dependency now"


@pytest.mark.parametrize(
    ("probe", "path"),
    [
        ("{type: http, url: 'ftp://x/'}", "url"),
        ("{type: http, url: 'http://'}", "url"),
        ("{type: http, url: 'http://a b/'}", "url"),
        ("{type: http, url: 'http://x:99999/'}", "url"),
        ("{type: http, url: 'http://[x/'}", "url"),
        ("{type: http, url: 'http://u@x/'}", "url"),
        ("{type: http, url: 'http://x/', expect_status: []}", "expect_status"),
        ("{type: http, url: 'http://x/', password: a}", "username"),
        ("{type: http, url: 'http://x/', username: a}", "password"),
        ("{type: tcp, host: x, port: 0}", "port"),
        ("{type: tcp, host: x, port: 1, timeout: 0s}", "timeout"),
        ("{type: exec, command: []}", "command"),
        ("{type: jsonrpc, url: 'http://x/'}", "method"),
        ("{type: cpu}", "type"),
        ("{url: 'http://x/'}", "type"),
        ("{type: electron_cash, url: 'http://x/', hang_after: 5s}", "hang_after"),
        ("{type: docker, hang_after: 5s}", "hang_after"),
    ],
)
def test_a_probe_that_cannot_work_is_refused(
    probe: str, path: str, tmp_path: Path
) -> None:
    faults = faults_of(f"targets: {{t: {{probe: {probe}}}}}", tmp_path)
    assert set(faults) == {f"targets.t.probe.{path}"}


def test_a_drain_or_pause_without_end_is_refused(tmp_path: Path) -> None:
    text = """
    targets:
      a: {{probe: {{type: docker}}, rolling: {{drain: {}, pause: {}}}}}
    """
    assert set(faults_of(text.format("2h", "61m"), tmp_path)) == {
        "targets.a.rolling.drain",
        "targets.a.rolling.pause",
    }


def test_a_settle_time_too_short_to_see_a_recovery_is_refused(tmp_path: Path) -> None:
    text = """
    targets:
      a: {{probe: {{type: docker}}}}
      b: {{probe: {{type: docker}}, depends_on: [a], settle: 3s, after_dependency: {}}}
    """
    assert set(faults_of(text.format("if_failing"), tmp_path)) == {"targets.b.settle"}
    load_text(text.format("always"), tmp_path)


def test_two_targets_on_one_service_are_refused(tmp_path: Path) -> None:
    text = (
        "targets: {a: {probe: {type: docker}}, b: {service: a, probe: {type: docker}}}"
    )
    assert set(faults_of(text, tmp_path)) == {"targets.b.service"}


def test_two_wallet_probes_in_one_target_are_refused(tmp_path: Path) -> None:
    probe = "{type: electron_cash, url: 'http://x/'}"
    text = f"targets: {{a: {{probe: [{probe}, {probe}]}}}}"
    assert set(faults_of(text, tmp_path)) == {"targets.a.probe"}


def test_settings_without_effect_yet_are_checked_too(tmp_path: Path) -> None:
    text = write_whole_config(tmp_path)
    text = text.replace("targets: [bitcoincash-service]}", "targets: [nobody]}")
    text = text.replace("post: http://bitcoincash-service:8080/pause", "post: nowhere")
    text = text.replace("ops: {url_file: ", "ops: {url: x, url_file: ")
    text = text.replace("redis_url_file: ", "redis_url_file: /nowhere")
    assert set(faults_of(text, tmp_path)) == {
        "maintenance.windows[0].targets",
        "hooks[0].post",
        "notify.channels.ops.url",
        "cluster.redis_url_file",
    }


@pytest.mark.parametrize("links", [60, 1500])
def test_long_chain_of_dependencies_is_accepted(links: int, tmp_path: Path) -> None:
    rows = [
        f"  t{n}: {{probe: {{type: docker}}, depends_on: [t{n + 1}]}}"
        for n in range(links)
    ]
    text = "\n".join(["targets:", *rows, f"  t{links}: {{probe: {{type: docker}}}}"])
    assert len(load_text(text, tmp_path).targets) == links + 1


@pytest.mark.parametrize(
    ("target", "word"),
    [
        (
            "probe: {type: electron_cash, url: 'http://x/', hang_after: 20s}",
            "hang_after",
        ),
        (
            """probe: [{type: electron_cash, url: 'http://x/'},
                       {type: tcp, host: x, port: 7777}]""",
            "tcp",
        ),
        ("probe: {type: docker}, preventive: {cron: '0 * * * *'}", "skipped"),
    ],
)
def test_setting_that_is_likely_a_mistake_is_a_warning(
    target: str, word: str, tmp_path: Path
) -> None:
    settings = load_text(f"targets: {{t: {{{target}}}}}", tmp_path)
    assert [word in line for line in settings.warnings] == [True]


def test_named_parts_of_both_files_have_one_meaning() -> None:
    """A reference is looked up in the parts of both schemas."""
    settings: Any = schema()["$defs"]
    scenario: Any = scenario_schema()["$defs"]
    assert settings.keys() & scenario.keys() == set()
