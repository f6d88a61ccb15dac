"""Sections of the file do not break the memory of the process.

msgspec 0.22 reads beyond its own memory for some unions; Python's debug allocator
fills that memory so that the next collection of garbage ends the process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.config_files import faults_of, write_whole_config
from tests.support.repository import REPOSITORY

COLLECT = """
import gc, sys
from pathlib import Path
from sidecar.config.load import load
load({"SIDECAR_CONFIG": sys.argv[1]}, Path(sys.argv[1]), reads_secrets=False)
gc.collect()
"""


def test_collection_of_garbage_after_a_load_does_not_end_the_process(
    tmp_path: Path,
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(write_whole_config(tmp_path))
    environment = {**os.environ, "PYTHONMALLOC": "debug"}
    command = [sys.executable, "-c", COLLECT, str(file)]
    ended = subprocess.run(
        command, env=environment, cwd=REPOSITORY, check=False, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.mark.parametrize("path", ["wallets", "/", "/a\\nb", "", "/" + 1001 * "x"])
@pytest.mark.parametrize("form", ["{}", "[{}]"])
def test_wallet_path_that_is_not_absolute_is_refused(
    path: str, form: str, tmp_path: Path
) -> None:
    value = form.format(f'"{path}"')
    text = f"""
    targets:
      a:
        probe: {{type: electron_cash, url: "http://a:1/", wallet_path: {value}}}
    """
    paths = set(faults_of(text, tmp_path))
    assert {p.partition("[")[0] for p in paths} == {"targets.a.probe.wallet_path"}
