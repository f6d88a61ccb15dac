"""The plot of the last response times."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import text_reason
from sidecar.web.page.plot_view import LEAST_POINTS, build_plot
from sidecar.web.page.texts import PageTexts
from tests.support.page_host import read_test_texts

TEXTS = PageTexts("en", read_test_texts("en"))
FAILURE = probe_failure(Cause.REFUSED, text_reason("it is refused"))


def probe(seconds: float, *, fails: bool = False) -> ProbeCompleted:
    return ProbeCompleted(
        Moment(100.0 + seconds, 0.0),
        InstanceId("shop", 1),
        RunId("shop-1-id", 0.0),
        100.0,
        FAILURE if fails else probe_success(),
    )


def test_too_few_checks_make_no_plot() -> None:
    assert build_plot([probe(0.1)] * (LEAST_POINTS - 1), TEXTS) is None


def test_plot_rises_with_the_response_time() -> None:
    plot = build_plot([probe(0.0), probe(0.1), probe(0.2)], TEXTS)
    assert plot is not None
    assert plot.path == "M3 25L60 14L117 3"


def test_plot_tells_its_figures_in_words() -> None:
    plot = build_plot([probe(0.02), probe(1.5, fails=True), probe(0.04)], TEXTS)
    assert plot is not None
    assert plot.latest == "40 ms"
    assert plot.label == (
        "Response times of the last 3 checks: 40 ms at last, 1.5 s at most, 1 failed"
    )


def test_failed_check_is_marked_at_its_place() -> None:
    plot = build_plot([probe(0.0), probe(0.2, fails=True), probe(0.0)], TEXTS)
    assert plot is not None
    assert plot.failed == (("60", "3"),)


def test_checks_without_any_duration_are_a_flat_line() -> None:
    plot = build_plot([probe(0.0)] * 3, TEXTS)
    assert plot is not None
    assert plot.path == "M3 25L60 25L117 25"
