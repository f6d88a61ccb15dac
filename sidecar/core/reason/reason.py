"""Reasons: a code with parameters, and the sentence from both."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.english import ENGLISH
from sidecar.core.text.formatting import format_wait, rfc3339

Parameter = Union[str, int, float, "Reason"]


class Reason(NamedTuple):
    """Reason of a state or an action. ``str()`` writes it in English.

    Parameters are in the order of their first use; a parameter may be a reason itself.
    ``bool()`` is False for NO_REASON.
    """

    code: ReasonCode
    parameters: tuple[tuple[str, Parameter], ...] = ()

    @classmethod
    def of(cls, code: ReasonCode, /, **parameters: Parameter) -> "Reason":
        """Create a reason with its parameters by name."""
        return cls(code, tuple(parameters.items()))

    def __str__(self) -> str:  # type: ignore[explicit-override]
        """The sentence in English."""
        return _ENGLISH.write(self)

    def __bool__(self) -> bool:
        """Is it a reason other than NO_REASON?"""
        return self.code is not ReasonCode.NONE

    @property
    def is_complete(self) -> bool:
        """Do its parameters fit its text?"""
        try:
            _ENGLISH.write_exactly(self)
        except _NOT_FITTING:
            return False
        return True

    def get(self, name: str) -> Parameter | None:
        """A parameter by its name; None: there is none of that name."""
        return next((value for key, value in self.parameters if key == name), None)

    def map_text(self, change: Callable[[str], str]) -> "Reason":
        """The same reason with ``change`` applied to every text, to mask or cut it."""
        return self._replace(
            parameters=tuple(
                (name, _change_text(value, change)) for name, value in self.parameters
            )
        )

    @property
    def text_length(self) -> int:
        """Number of characters in the texts of its parameters."""
        return sum(
            value.text_length if isinstance(value, Reason) else len(str(value))
            for _, value in self.parameters
        )

    def bound(self, limit: int) -> "Reason":
        """The same reason, its long texts cut for at most ``limit`` characters."""
        excess = len(str(self)) - limit
        if excess <= 0:
            return self
        return self.map_text(lambda text: text[: max(_SHORTEST, len(text) - excess)])


_SHORTEST = 20
"""Texts up to this length are not cut."""

NO_REASON = Reason(ReasonCode.NONE)


def text_reason(text: str) -> Reason:
    """A reason from free text: of other programs, or of an earlier version."""
    return Reason.of(ReasonCode.TEXT, said=text) if text else NO_REASON


def join_reasons(reasons: Sequence[Reason]) -> Reason:
    """Join reasons into one; NO_REASON where there are none."""
    if not reasons:
        return NO_REASON
    joined, *others = reasons
    for other in others:
        joined = Reason.of(ReasonCode.BOTH, note=joined, reason=other)
    return joined


def _change_text(value: Parameter, change: Callable[[str], str]) -> Parameter:
    if isinstance(value, Reason):
        return value.map_text(change)
    return change(value) if isinstance(value, str) else value


_NOT_FITTING = (LookupError, TypeError, ValueError, ArithmeticError)


class ReasonWriter:
    """Writes reasons by the texts of one language.

    Beside Python's own formats there are ``wait`` (for seconds) and ``instant`` (for a
    wall clock time). A subclass for a language may override how parameters are written.
    """

    def __init__(self, texts: Mapping[Any, str]) -> None:
        self._texts = texts
        self._formatter = _Formatter(self)

    def write(self, reason: Reason) -> str:
        """The whole sentence; if the parameters do not fit, the code and parameters.

        Only a damaged store contains such a reason.
        """
        try:
            return self.write_exactly(reason)
        except _NOT_FITTING:
            return f"{reason.code}: {dict(reason.parameters)}"

    def write_exactly(self, reason: Reason) -> str:
        """The whole sentence; an error of _NOT_FITTING if the parameters do not."""
        values = {
            name: self.write_value(name, value) for name, value in reason.parameters
        }
        return self._formatter.vformat(self._texts[reason.code], (), values)

    def write_value(self, name: str, value: Parameter) -> Parameter:  # noqa: ARG002
        """A parameter as text of the sentence; ``name`` says what it is."""
        return self.write(value) if isinstance(value, Reason) else value

    def write_wait(self, seconds: float) -> str:
        """A waiting time as text."""
        return format_wait(seconds)

    def write_instant(self, wall: float) -> str:
        """A wall clock time as text."""
        return rfc3339(wall)


class _Formatter(string.Formatter):
    def __init__(self, writer: ReasonWriter) -> None:
        self._writer = writer

    def format_field(  # type: ignore[explicit-override]
        self,
        value: Any,  # noqa: ANN401
        format_spec: str,
    ) -> str:
        if format_spec == "wait":
            return self._writer.write_wait(value)
        if format_spec == "instant":
            return self._writer.write_instant(value)
        return format(value, format_spec)


_ENGLISH = ReasonWriter(ENGLISH)
