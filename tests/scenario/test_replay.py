"""Replay: the same settings give no difference, a known change the known one."""

from pathlib import Path

from sidecar.app.replay import replay
from sidecar.cli.local_commands_port import ReplayReport
from sidecar.config.load import load
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause
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


def replay_with(tmp_path: Path, defaults: str) -> ReplayReport:
    present, new = settings_with(tmp_path), settings_with(tmp_path, defaults)
    return replay(present, new, OUTAGES, NOW, lambda _: None)


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
