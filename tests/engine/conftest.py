"""Fixtures of the tests on a real engine."""

import contextlib
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.engine.harness import Stack
from tests.support.message_receiver import MessageReceiver, receiving

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def stack_factory(request: pytest.FixtureRequest) -> Iterator[Callable[[], Stack]]:
    """Makes stacks that are removed at the end of the test.

    Where it failed, what each sidecar had to say is printed first.
    """
    made: list[Stack] = []
    with contextlib.ExitStack() as entered:

        def make() -> Stack:
            stack = entered.enter_context(Stack())
            made.append(stack)
            return stack

        yield make
        if request.node.stash.get(FAILED, False):
            for stack in made:
                print(stack.report())  # noqa: T201 - pytest shows it


@pytest.fixture
def stack(stack_factory: Callable[[], Stack]) -> Stack:
    """One stack."""
    return stack_factory()


@pytest.fixture
def inbox(stack: Stack) -> Iterator[MessageReceiver]:
    """Where that stack's sidecar can send messages."""
    with receiving(stack) as server:
        yield server
