"""Expectations of a scenario against the record of its simulation."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sidecar.core.model.scenario import Expectation
from sidecar.core.model.target_state import TargetState
from sidecar.simulation.record import SimulationRecord


class FinalInstance(NamedTuple):
    """An instance at the end."""

    name: str
    target: str
    state: TargetState


def find_failures(
    expectations: Sequence[Expectation],
    record: SimulationRecord,
    instances: Sequence[FinalInstance],
    end_s: float,
) -> tuple[str, ...]:
    """A line for each expectation that is not met; none: all are."""
    return tuple(
        f"expect[{index}]: {line}"
        for index, expected in enumerate(expectations)
        for line in _Check(expected, record, instances, end_s).lines()
    )


class _Check:
    """One expectation against the record."""

    def __init__(
        self,
        expected: Expectation,
        record: SimulationRecord,
        instances: Sequence[FinalInstance],
        end_s: float,
    ) -> None:
        self._expected, self._record, self._end_s = expected, record, end_s
        target = expected.target
        self._instances = [i for i in instances if target in {None, i.target, i.name}]
        self._names = [instance.name for instance in self._instances]

    def lines(self) -> Iterator[str]:
        expected = self._expected
        yield from _differ("restarts", expected.restarts, self._count_restarts())
        yield from self._check_states()
        yield from self._check_unavailable()
        yield from self._check_guard()
        if expected.causes is not None:
            causes = self._record.causes
            actual = [c for name in self._names for c in causes.get(name, ())]
            yield from _differ("causes", _join(expected.causes), _join(actual))
        yield from _differ("messages", expected.messages, self._count_messages())
        restarts = [(s, n) for s, n in self._record.restart_times if n in self._names]
        if expected.order is not None:
            order = [name for _, name in restarts]
            yield from _differ("order", _join(expected.order), _join(order))
        yield from _find_early("restart", expected.no_restart_before_s, restarts)
        messages = [m for m in self._record.message_times if self._is_about(m[1])]
        yield from _find_early("message", expected.no_message_before_s, messages)

    def _is_about(self, name: str) -> bool:
        target = self._expected.target
        return target is None or name in {target, *self._names}

    def _count_restarts(self) -> int:
        return sum(self._record.restarts[name] for name in self._names)

    def _count_messages(self) -> int:
        counts = self._record.message_count
        return sum(count for name, count in counts.items() if self._is_about(name))

    def _check_states(self) -> Iterator[str]:
        for instance in self._instances:
            what = f"state of {instance.name}"
            yield from _differ(what, self._expected.state, instance.state)

    def _check_unavailable(self) -> Iterator[str]:
        limit_s = self._expected.unavailable_s
        if limit_s is None:
            return
        for name in self._names:
            lasted_s = self._record.unavailable_s(name, self._end_s)
            if lasted_s > limit_s:
                words = f"unavailable for {lasted_s:.0f} s, not {limit_s:.0f} s"
                yield f"{name} was {words}"

    def _check_guard(self) -> Iterator[str]:
        guard, guards = self._expected.guard, self._record.guards
        objecting = {g for name in self._names for g in guards.get(name, ())}
        if guard is not None and guard not in objecting:
            names = _join(sorted(objecting))
            yield f"guard {guard} did not object; those that did: {names}"


def _find_early(
    what: str, limit_s: float | None, times: Sequence[tuple[float, str]]
) -> Iterator[str]:
    early = [(at_s, name) for at_s, name in times if limit_s and at_s < limit_s]
    for at_s, name in early[:1]:
        words = f"expected after {limit_s:.0f} s, was after {at_s:.0f} s"
        yield f"first {what} of {name or 'the stack'}: {words}"


def _join(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _differ(what: str, expected: object, actual: object) -> Iterator[str]:
    if expected is not None and expected != actual:
        yield f"{what}: expected {expected}, was {actual}"
