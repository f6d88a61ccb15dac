"""The script of the demo, without an engine: what it orders exists."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sidecar.cli.main import sidecar
from sidecar.core.model.drill_fault import DrillFault
from tests.support.repository import REPOSITORY

DEMO = REPOSITORY / "scripts/demo"
SCRIPT = DEMO.read_text()
STAND_INS = """
up() { :; }
compose() { :; }
docker() { echo "docker $*"; }
ask_sidecar() { echo "sidecar $*"; return "$DRILL_STATUS"; }
"""
"""Functions of the script that need an engine."""
MAIN = 'main "$@"\n'
ORDERS = re.findall(r"\bask_sidecar ([a-z][^|\n]*)", SCRIPT)


def read_faults() -> list[str]:
    (names,) = re.findall(r"readonly DRILL_FAULTS=\((.*)\)", SCRIPT)
    return str(names).split()


def arguments_of(order: str) -> list[str]:
    """The arguments that the shell gives to the command."""
    options = " ".join(f"--fault {fault}" for fault in read_faults())
    return shlex.split(order.replace('"${arguments[@]}"', options))


def test_demo_is_executable_and_its_help_has_every_command() -> None:
    assert os.access(DEMO, os.X_OK)
    result = subprocess.run(
        [DEMO, "--help"], check=False, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0
    commands = re.findall(r"^    ([a-z]+)\) ", SCRIPT, re.MULTILINE)
    assert {"up", "drill"} <= set(commands)
    for command in set(commands) - {"up"}:
        assert f"./scripts/demo {command} " in result.stdout


@pytest.mark.parametrize("order", ORDERS)
def test_order_of_the_demo_has_arguments_that_the_command_knows(order: str) -> None:
    result = CliRunner().invoke(sidecar, [*arguments_of(order), "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage: ")


def test_demo_drills_five_faults_at_a_target_with_an_objective() -> None:
    (order,) = (order for order in ORDERS if order.startswith("drill "))
    faults = [DrillFault(fault) for fault in read_faults()]
    assert len(set(faults)) == 5
    settings = yaml.safe_load((REPOSITORY / "compose/demo/sidecar.yaml").read_text())
    target = settings["targets"][arguments_of(order)[1]]
    assert target["objective"].keys() == {"detect", "recover"}


def run_drills(folder: Path, drill_status: int) -> subprocess.CompletedProcess[str]:
    """Run `demo drill` without an engine; the command ends with this status."""
    scripts = folder / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(DEMO.with_name("lib.sh"), scripts)
    (scripts / "demo").write_text(SCRIPT.removesuffix(MAIN) + STAND_INS + MAIN)
    return subprocess.run(
        ["bash", scripts / "demo", "drill"],
        env={"PATH": os.environ["PATH"], "DRILL_STATUS": str(drill_status)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_demo_ends_well_only_if_all_drills_passed_and_keeps_the_journal(
    tmp_path: Path,
) -> None:
    for drill_status in (0, 1, 3):
        result = run_drills(tmp_path / str(drill_status), drill_status)
        assert (result.returncode == 0) is (drill_status == 0), result.stderr
        order = next(x for x in result.stdout.splitlines() if x.startswith("sidecar"))
        assert re.findall("--fault ([a-z]+)", order) == read_faults()
        journal = order.partition(" --journal ")[2]
        copied = f"docker cp --quiet sidecar-demo-sidecar-1:{journal} drills.json"
        assert copied in result.stdout.splitlines()
