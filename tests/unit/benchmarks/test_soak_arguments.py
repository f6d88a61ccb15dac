"""The command line of a soak."""

import pytest

from benchmarks.soak import parse_arguments
from benchmarks.soak_plan import KINDS


def test_without_arguments_all_faults_run_for_half_an_hour() -> None:
    arguments = parse_arguments([])
    assert arguments.minutes == 30.0
    assert arguments.faults == tuple(KINDS.values())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--minutes", "0"], "found 0; allowed: a number above 0"),
        (["--minutes", "nan"], "found nan; allowed: a number above 0"),
        (["--slack", "-1"], "found -1; allowed: a number above 0"),
        (["--stacks", "9"], "invalid choice: 9"),
        (["--faults", "dye"], "found dye; allowed: die, exit"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(given)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
