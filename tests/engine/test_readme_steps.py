"""The README's steps and the runnable blocks of the documents, executed literally.

The daemon and the service share a password file.
"""

import json
from pathlib import Path

import pytest

from tests.engine.composed_stack import SHARERS, composed_stack, sidecar_alone
from tests.support.documents import RUNNABLE_IN_STACK, runnable_blocks
from tests.support.readme_steps import code_of, run_as_root

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


def test_readme_steps_monitor_stack_and_keep_shared_password_file(
    tmp_path: Path,
) -> None:
    with composed_stack(tmp_path, sidecar_alone()) as stack:
        for step in (2, 3):
            run_as_root(code_of(step), tmp_path)
        settings = tmp_path / ".env"
        settings.write_text(settings.read_text().replace("=observe", "=act"))
        stack.compose("up", "--detach")
        stack.wait_healthy()
        shared = (tmp_path / "secrets" / "electron_cash_password").stat()
        assert (shared.st_uid, shared.st_gid) == (0, SHARERS)
        check = stack.sidecar("check", "--json")
        assert {row["outcome"] for row in json.loads(check)} == {"success"}

        for block in runnable_blocks(RUNNABLE_IN_STACK):
            run_as_root(block.code, tmp_path, stack.environ)
        stack.wait_healthy()
        assert stack.sidecar("incidents", "--open").startswith("no incident")
