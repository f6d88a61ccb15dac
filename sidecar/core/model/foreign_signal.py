"""Signals that others sent to a container, and the exits that they explain.

A stop through the engine begins with the container's stop signal and ends, once its
stop time is over, with SIGKILL. A signal that a program does not die of is no stop.
"""

from typing import NamedTuple

from sidecar.core.model.container import Container

NOT_SAID = 0
"""In place of a number: the engine did not say which signal it was."""

STOPPED = -1
"""In place of a number: the engine says that somebody's stop is carried out."""

KEPT = 4
MARGIN_S = 2.0
"""What the engine takes to deliver a signal and to notice an exit."""

_BY_SIGNAL = 128
_SIGKILL, _SIGTERM = 9, 15
_REQUESTS = frozenset({2, 3, _SIGTERM, NOT_SAID})
# SIGINT, SIGQUIT, SIGTERM: a program that heeds one ends in a way of its own.

_ENDS_NOTHING = frozenset({17, 18, 19, 20, 21, 22, 23, 28})
# CHLD CONT STOP TSTP TTIN TTOU URG WINCH: nothing dies of them.


class ForeignSignal(NamedTuple):
    """A signal sent to a container; ``mono`` is ``engine_time`` on our clock."""

    signal: int
    engine_time: float
    mono: float


def asks_to_end(kill: ForeignSignal, container: Container) -> bool:
    """Is whoever sent it waiting for the container to end?"""
    return kill.signal in {*_REQUESTS, _SIGKILL, container.stop_signal}


def explains(
    kill: ForeignSignal, container: Container, exit_code: int, ended: float
) -> bool:
    """Did the container end so, at ``ended`` (engine's clock), because of it?"""
    after = ended - kill.engine_time
    if not -MARGIN_S <= after <= container.stop_timeout_s + MARGIN_S:
        return False
    if kill.signal == STOPPED:
        return after <= MARGIN_S
    if kill.signal == NOT_SAID:
        return exit_code <= _BY_SIGNAL or exit_code - _BY_SIGNAL in {_SIGKILL, _SIGTERM}
    if exit_code == _BY_SIGNAL + kill.signal:
        return kill.signal not in _ENDS_NOTHING
    # A program may answer a request in its own way; a crash is no answer.
    requests = {*_REQUESTS, container.stop_signal}
    return kill.signal in requests and exit_code <= _BY_SIGNAL


def stop_is_under_way(
    kill: ForeignSignal, container: Container, now_mono: float
) -> bool:
    """Is it still to be expected that the container ends because of it?"""
    since = now_mono - kill.mono
    return asks_to_end(kill, container) and since < container.stop_timeout_s + MARGIN_S
