"""Ninety days as a strip."""

from dataclasses import replace

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.incident import Incident
from sidecar.core.model.moment import Moment
from sidecar.core.reporting.daily_availability import TargetDays
from sidecar.web.page.strip_view import DAYS, build_strip, incidents_by_day
from sidecar.web.page.texts import PageTexts
from tests.support.page_host import read_test_texts

TEXTS = PageTexts("en", read_test_texts("en"))
DAY_S = 86_400.0
BOUNDS = tuple(DAY_S * nth for nth in range(DAYS + 1))


def make_days() -> TargetDays:
    days = TargetDays(DAYS)
    for nth in range(30, DAYS):
        days.up_s[nth] = DAY_S
    days.up_s[40], days.down_s[40] = DAY_S - 100.0, 100.0
    days.up_s[50], days.down_s[50] = DAY_S - 5000.0, 5000.0
    days.up_s[60], days.planned_s[60] = 0.0, DAY_S
    return days


def test_each_day_has_the_code_of_its_kind() -> None:
    strip = build_strip(make_days(), {}, TEXTS)
    assert len(strip.codes) == DAYS
    assert (strip.codes[0], strip.codes[30]) == ("n", "g")
    assert strip.codes[40] + strip.codes[50] + strip.codes[60] == "fbp"


def test_bars_cover_each_day_once() -> None:
    strip = build_strip(make_days(), {}, TEXTS)
    assert {bar.kind for bar in strip.bars} == set("ngfbp")
    brief = next(bar for bar in strip.bars if bar.kind == "f")
    assert brief.path == "M160 14H164"


def test_days_with_an_outage_have_their_availability() -> None:
    strip = build_strip(make_days(), {70: ("ID",)}, TEXTS)
    assert strip.days == {
        "40": ["99.88 %", []],
        "50": ["94.21 %", []],
        "70": ["100 %", ["ID"]],
    }


def test_target_without_a_record_has_no_data() -> None:
    strip = build_strip(None, {}, TEXTS)
    assert strip.codes == "n" * DAYS
    assert strip.total == ""
    assert strip.label == "No data of the last 90 days"


def test_availability_is_not_rounded_up_to_100() -> None:
    days = TargetDays(DAYS)
    days.up_s[0], days.down_s[0] = 1e9, 1.0
    assert build_strip(days, {}, TEXTS).total == "99.99 %"


def test_incident_is_on_each_day_on_which_it_was_open() -> None:
    opened = Moment(0.0, DAY_S * 10 + 100.0)
    incident = Incident("ID", "shop", Cause.HUNG, Severity.P1, opened, ("mail",))
    closed = replace(incident, resolved_at=Moment(0.0, DAY_S * 11 + 5.0))
    ids_by_day = incidents_by_day([closed], BOUNDS, BOUNDS[-1] - 1.0)
    assert ids_by_day == {
        "shop": {10: ("ID",), 11: ("ID",)},
        "mail": {10: ("ID",), 11: ("ID",)},
    }


def test_open_incident_lasts_until_today() -> None:
    opened = Moment(0.0, DAY_S * (DAYS - 2))
    incident = Incident("ID", "shop", Cause.HUNG, Severity.P1, opened)
    ids_by_day = incidents_by_day([incident], BOUNDS, BOUNDS[-1] - 1.0)
    assert list(ids_by_day["shop"]) == [DAYS - 2, DAYS - 1]


def test_incident_before_the_first_day_is_left_out() -> None:
    opened = Moment(0.0, -5000.0)
    incident = Incident("ID", "shop", Cause.HUNG, Severity.P1, opened)
    closed = replace(incident, resolved_at=Moment(0.0, -100.0))
    assert incidents_by_day([closed], BOUNDS, BOUNDS[-1]) == {}
