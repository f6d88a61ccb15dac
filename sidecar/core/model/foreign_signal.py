"""Signals from others to a container, and the exits that they explain.

A stop through the engine begins with the container's stop signal and ends, once its
stop time is over, with SIGKILL. A signal that does not end a program is no stop.
"""

from typing import NamedTuple

from sidecar.core.model.container import Container

UNKNOWN_SIGNAL = 0
"""In place of a number: the engine did not report the signal's number."""

STOPPED = -1
"""In place of a number: the engine reported a stop by somebody."""

MAX_SIGNALS = 4
MARGIN_S = 2.0
"""Time of the engine to deliver a signal and to notice an exit."""

_BY_SIGNAL = 128
_SIGKILL, _SIGTERM = 9, 15
_REQUESTS = frozenset({2, 3, _SIGTERM, UNKNOWN_SIGNAL})
# SIGINT, SIGQUIT, SIGTERM: a program that handles one chooses its exit code.

_HARMLESS = frozenset({17, 18, 19, 20, 21, 22, 23, 28})
# CHLD CONT STOP TSTP TTIN TTOU URG WINCH: they end no program.


class ForeignSignal(NamedTuple):
    """A signal sent to a container; ``mono`` is ``engine_time`` on our clock."""

    signal: int
    engine_time: float
    mono: float


def asks_to_end(kill: ForeignSignal, container: Container) -> bool:
    """Does the sender of the signal expect the container to end?"""
    return kill.signal in {*_REQUESTS, _SIGKILL, container.stop_signal}


def is_harmless(signal: int, container: Container | None) -> bool:
    """Does the signal certainly end nothing? SIGCONT does not, or SIGWINCH.

    A container that is stopped by such a signal may end because of it. So may one that
    is not known (None), and UNKNOWN_SIGNAL may be any signal.
    """
    return (
        container is not None
        and signal in _HARMLESS
        and signal != container.stop_signal
    )


def explains_exit(
    kill: ForeignSignal, container: Container, exit_code: int, ended_at: float
) -> bool:
    """Did the signal cause this exit at ``ended_at`` (engine's clock)?"""
    after_s = ended_at - kill.engine_time
    if not -MARGIN_S <= after_s <= container.stop_timeout_s + MARGIN_S:
        return False
    if kill.signal == STOPPED:
        return after_s <= MARGIN_S
    if kill.signal == UNKNOWN_SIGNAL:
        return exit_code <= _BY_SIGNAL or exit_code - _BY_SIGNAL in {_SIGKILL, _SIGTERM}
    if exit_code == _BY_SIGNAL + kill.signal:
        return kill.signal not in _HARMLESS
    # A program may choose its exit code on a request; a crash is no answer.
    requests = {*_REQUESTS, container.stop_signal}
    return kill.signal in requests and exit_code <= _BY_SIGNAL


def may_be_answer(container: Container, exit_code: int) -> bool:
    """May a stop or kill by somebody have led to the exit code?

    A program may choose its exit code on a request; a crash is no answer.
    """
    return not container.oom_killed and (
        exit_code <= _BY_SIGNAL
        or exit_code - _BY_SIGNAL in {_SIGKILL, _SIGTERM, container.stop_signal}
    )


def is_stop_under_way(
    kill: ForeignSignal, container: Container, now_mono: float
) -> bool:
    """May the container still end because of the signal?"""
    since_s = now_mono - kill.mono
    return (
        asks_to_end(kill, container) and since_s < container.stop_timeout_s + MARGIN_S
    )
