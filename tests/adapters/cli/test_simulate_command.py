"""The command ``simulate`` as people and scripts use it."""

import json
from pathlib import Path

from tests.support.command_runner import sidecar


async def test_result_is_printed_with_the_expectations() -> None:
    result = await sidecar("simulate", "good", "--config", "my.yaml")
    assert result.status == 0
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[0].split() == ["TIME", "TARGET", "WHAT", "TEXT"]
    assert lines[1].split(maxsplit=3) == [
        "1:06",
        "wallet",
        "decision",
        "restart with my.yaml",
    ]
    assert lines[-1] == "all 1 expectations are met"


async def test_expectation_that_is_not_met_is_status_1() -> None:
    result = await sidecar("simulate", "bad")
    assert result.status == 1
    assert result.out.splitlines()[-1] == (
        "not met: expect[0]: restarts: expected 1, was 0"
    )
    assert (await sidecar("simulate", "bad", "--json")).status == 1


async def test_scenario_without_expectations_says_so() -> None:
    result = await sidecar("simulate", "none")
    assert (result.status, result.out.splitlines()[-1]) == (
        0,
        "no expectations in the file",
    )


async def test_faulty_file_is_status_2() -> None:
    result = await sidecar("simulate", "gone")
    assert (result.status, result.out) == (2, "")
    assert "found no file to read" in result.err


async def test_json_and_plot_are_for_other_programs(tmp_path: Path) -> None:
    plot = tmp_path / "states.svg"
    result = await sidecar("simulate", "good", "--json", "--plot", str(plot))
    assert json.loads(result.out) == {"seconds": 900.0}
    assert plot.read_text() == "<svg/>"
