"""The host of the processes, with its engine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.sidecar_host import SidecarHost


@pytest.fixture
def sidecar_host(tmp_path: Path) -> Iterator[SidecarHost]:
    """A host with a running engine; its processes end with the test."""
    with ExitStack() as processes:
        host = SidecarHost(tmp_path, processes)
        host.engine.start()
        processes.callback(host.engine.stop)
        yield host
