"""Replay: the same settings give no difference, a known change the known one."""

from dataclasses import replace
from pathlib import Path

from sidecar.app.replay import replay
from sidecar.cli.local_commands_port import ReplayReport
from sidecar.config.load import load
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.recorded_outage import RecordedOutage

NOW = 1_800_000_000.0
HOUR_S = 3600.0
OUTAGES = (
    RecordedOutage(
        "wallet", Cause.REFUSED, NOW - 18_000.0, NOW - 17_700.0, 1, is_cured=True
    ),
    RecordedOutage("pay", Cause.HTTP_5XX, NOW - 3 * HOUR_S, NOW - 3 * HOUR_S + 4.0),
    RecordedOutage("gone", Cause.HTTP_5XX, NOW - HOUR_S, NOW),
)


def settings_with(tmp_path: Path, defaults: str = "{}") -> Settings:
    path = tmp_path / "sidecar.yaml"
    path.write_text(f"""
defaults: {defaults}
targets:
  wallet:
    probe: {{type: electron_cash, url: "http://wallet:7777/"}}
  pay:
    probe: {{type: http, url: "http://pay/"}}
""")
    return load({}, path)


def replay_outages(
    present: Settings, new: Settings, outages: tuple[RecordedOutage, ...] = OUTAGES
) -> ReplayReport:
    return replay(present, new, outages, NOW, lambda _: None)


def replay_with(tmp_path: Path, defaults: str) -> ReplayReport:
    present, new = settings_with(tmp_path), settings_with(tmp_path, defaults)
    return replay_outages(present, new)


def test_same_settings_give_no_difference(tmp_path: Path) -> None:
    report = replay_with(tmp_path, "{}")
    assert report.present == report.new
    assert (report.new.restarts, report.new.incidents) == (1, 1)
    wallet, pay = report.outages
    assert wallet.present_s is not None
    assert wallet.new_s == wallet.present_s
    assert (pay.present_s, pay.new_s) == (None, None)
    assert report.left_out == (OUTAGES[2],)
    assert report.recorded.restarts == 1


def test_one_failure_as_threshold_restarts_for_a_short_fault(tmp_path: Path) -> None:
    report = replay_with(tmp_path, "{failure_threshold: 1}")
    assert report.present.restarts == 1
    assert report.new.restarts == 2
    wallet, pay = report.outages
    assert wallet.present_s is not None
    assert wallet.new_s is not None
    assert wallet.new_s < wallet.present_s
    assert (pay.present_s, pay.new_s is not None) == (None, True)


def test_downtime_of_the_record_and_of_both_settings_is_added_up(
    tmp_path: Path,
) -> None:
    present = settings_with(tmp_path)
    new = settings_with(tmp_path, "{failure_threshold: 1}")
    report = replay_outages(present, new, OUTAGES[:1])
    assert report.recorded.unavailable_s == 300.0
    assert 0.0 < report.new.unavailable_s < report.present.unavailable_s < 60.0
    lasting = OUTAGES[0]._replace(ended_wall=None)
    assert replay_outages(present, new, (lasting,)).recorded.unavailable_s == 18_000.0


def test_messages_of_both_settings_are_counted(tmp_path: Path) -> None:
    silent = settings_with(tmp_path)
    routes = Routes(("ops",), dict.fromkeys(Severity, ("ops",)))
    with_routes = replace(silent, notify=NotifySettings(routes=routes))
    report = replay_outages(silent, with_routes)
    assert (report.present.messages, report.new.messages) == (0, 2)
    assert report.recorded.messages is None, "the history has no messages"


def test_target_that_the_new_settings_lack_is_not_replayed(tmp_path: Path) -> None:
    present = settings_with(tmp_path)
    only_wallet = replace(present, targets=present.targets[:1])
    for settings in ((present, only_wallet), (only_wallet, present)):
        report = replay_outages(*settings)
        assert report.left_out == OUTAGES[1:]
        assert [o.outage.name for o in report.outages] == ["wallet"]


def test_restart_long_after_an_outage_is_not_the_answer_to_it(tmp_path: Path) -> None:
    began, minute = NOW - 5 * HOUR_S, 60.0
    short = RecordedOutage("wallet", Cause.REFUSED, began, began + 1.0)
    between, after = began + 20 * minute, began + 40 * minute
    other = OUTAGES[1]._replace(began_wall=between, ended_wall=between + 4.0)
    later = OUTAGES[0]._replace(began_wall=after, ended_wall=after + 60.0)
    settings = settings_with(tmp_path)
    report = replay_outages(settings, settings, (short, other, later))
    first, _, last = report.outages
    assert first.new_s is None
    assert last.new_s is not None
    assert last.new_s < minute
