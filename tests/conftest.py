"""Fixtures of every test: a quiet log, and a check that the loop is never blocked."""

import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import blockbuster.blockbuster
import pytest
from blockbuster import BlockingError, blockbuster_ctx
from hypothesis import HealthCheck, settings
from loguru import logger

# Failed asserts of the shared parts show their values, as those of the tests do.
pytest.register_assert_rewrite("tests.support")

# Many workers share few cores: how long one example takes says nothing here.
# In CI the same commit gets the same examples; elsewhere each run looks further.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=120,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# scripts/fuzz: many, and each run others.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("SIDECAR_FUZZ_EXAMPLES", "1000")),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("ci" if os.environ.get("CI") else "quick")

LOW_PRIORITY = 10
"""Niceness: a tenth of the share of another process, so that none waits for ever."""
COMPUTING_FOLDERS = {"unit", "scenario"}
"""Folders of the tests that only compute."""
COMPUTING_LIMIT_S = 900.0
"""Their limit: it only ends tests that hang, for they wait while others compute."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the engine tests evenly over the run, those with the longest limit first.

    They wait while other tests compute; together they would leave the cores idle.
    """
    for item in items:
        if _folder(item.path) in COMPUTING_FOLDERS:
            item.add_marker(pytest.mark.timeout(COMPUTING_LIMIT_S), append=False)
    waiting = [item for item in items if item.get_closest_marker("engine")]
    others = [item for item in items if not item.get_closest_marker("engine")]
    waiting.sort(key=_limit_s, reverse=True)
    places = [(nth / len(waiting), 0, item) for nth, item in enumerate(waiting)]
    places += [(nth / len(others), 1, item) for nth, item in enumerate(others)]
    places.sort(key=lambda place: place[:2])
    items[:] = [item for _, _, item in places]


def _folder(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]


def _limit_s(item: pytest.Item) -> float:
    limit = item.get_closest_marker("timeout")
    return float(limit.args[0]) if limit is not None and limit.args else 0.0


@pytest.fixture(autouse=True)
def processor_share(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that only compute give way to those that wait for daemons and keep times.

    Only root may take the processor back afterwards.
    """
    if _folder(request.path) not in COMPUTING_FOLDERS or os.geteuid() != 0:
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, LOW_PRIORITY)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    logger.remove()
    yield
    logger.remove()


@pytest.fixture(autouse=True)
def blocking_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fail a test in which code of ours blocks the event loop.

    Adapters turn exceptions into outcomes, so an error raised at the blocking
    call may never reach the test: each is recorded as well.
    """
    blocked_calls: list[str] = []

    class RecordedBlockingError(BlockingError):
        def __init__(self, func: str) -> None:
            super().__init__(func)
            blocked_calls.append(
                f"{func}, called from\n{''.join(traceback.format_stack(limit=10)[:-2])}"
            )

    monkeypatch.setattr(blockbuster.blockbuster, "BlockingError", RecordedBlockingError)
    with blockbuster_ctx("sidecar") as blockbuster_of_test:
        # A loop in virtual time waits for the work of threads on purpose.
        lock = blockbuster_of_test.functions["threading.Lock.acquire"]
        lock.can_block_in("sidecar/simulation/virtual_time.py", "_work")
        for function in blockbuster_of_test.functions.values():
            # It runs beneath that loop, and copies the store of a killed sidecar.
            function.can_block_in("tests/support/kill_campaign.py", "_dispose_killed")
            # It interrupts any code, and writes where all threads are.
            function.can_block_in("pytest_timeout.py", "timeout_sigalrm")
        yield blocked_calls
    if blocked_calls:
        pytest.fail(
            "the event loop was blocked by " + "\n".join(blocked_calls), pytrace=False
        )
