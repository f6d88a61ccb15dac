"""Fixtures of the tests on a real engine."""

import contextlib
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.engine.harness import Stack
from tests.support.message_receiver import MessageReceiver, run_message_receiver

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
    """Creates stacks that are removed at the end of the test.

    If the test failed, each stack's report is printed first. No Sidecar may have sent
    a request that is not on the list of calls.
    """
    stacks: list[Stack] = []
    with contextlib.ExitStack() as exit_stack:

        def make() -> Stack:
            stack = exit_stack.enter_context(Stack())
            stacks.append(stack)
            return stack

        yield make
        if request.node.stash.get(FAILED, False):
            for stack in stacks:
                print(stack.report())  # noqa: T201 - pytest shows it
        for stack in stacks:
            assert stack.proxy.unlisted_requests == ()


@pytest.fixture
def stack(stack_factory: Callable[[], Stack]) -> Stack:
    """One stack."""
    return stack_factory()


@pytest.fixture
def inbox(stack: Stack) -> Iterator[MessageReceiver]:
    """A receiver of messages from that stack's sidecar."""
    with run_message_receiver(stack) as server:
        yield server
