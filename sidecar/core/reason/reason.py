"""A reason: its code, its parameters, and the sentence that they make."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.english import ENGLISH
from sidecar.core.text.formatting import format_wait, rfc3339

Parameter = Union[str, int, float, "Reason"]


class Reason(NamedTuple):
    """Why something is as it is, or is done. ``str()`` writes it in English.

    Parameters are in order of their names' first use; one may be a reason itself.
    False where there is none.
    """

    code: ReasonCode
    parameters: tuple[tuple[str, Parameter], ...] = ()

    @classmethod
    def of(cls, code: ReasonCode, /, **parameters: Parameter) -> "Reason":
        """A reason with its parameters by name."""
        return cls(code, tuple(parameters.items()))

    def __str__(self) -> str:  # type: ignore[explicit-override]
        """The sentence in English."""
        return _ENGLISH.write(self)

    def __bool__(self) -> bool:
        """Is there a reason at all?"""
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
        """One of its parameters; None: it has none of that name."""
        return next((value for key, value in self.parameters if key == name), None)

    def map_text(self, change: Callable[[str], str]) -> "Reason":
        """The same with every text in it changed: masked, or cut."""
        return self._replace(
            parameters=tuple(
                (name, _changed(value, change)) for name, value in self.parameters
            )
        )

    @property
    def text_length(self) -> int:
        """How many characters of others' words it holds."""
        return sum(
            value.text_length if isinstance(value, Reason) else len(str(value))
            for _, value in self.parameters
        )

    def bound(self, limit: int) -> "Reason":
        """The same in at most ``limit`` characters: its long texts are cut."""
        excess = len(str(self)) - limit
        if excess <= 0:
            return self
        return self.map_text(lambda text: text[: max(_SHORTEST, len(text) - excess)])


_SHORTEST = 20
"""Texts up to this length are not cut."""

NO_REASON = Reason(ReasonCode.NONE)


def text_reason(said: str) -> Reason:
    """Words of others, or of an earlier version, as they are."""
    return Reason.of(ReasonCode.TEXT, said=said) if said else NO_REASON


def join_reasons(reasons: Sequence[Reason]) -> Reason:
    """Several of them as one; none: no reason."""
    if not reasons:
        return NO_REASON
    first, *others = reasons
    for other in others:
        first = Reason.of(ReasonCode.BOTH, note=first, reason=other)
    return first


def _changed(value: Parameter, change: Callable[[str], str]) -> Parameter:
    if isinstance(value, Reason):
        return value.map_text(change)
    return change(value) if isinstance(value, str) else value


_NOT_FITTING = (LookupError, TypeError, ValueError, ArithmeticError)


class ReasonWriter:
    """Writes reasons by the texts of one language.

    Beside Python's own there are the formats ``wait`` (of seconds) and ``instant`` (of
    a wall clock time). A language may write parameters of its own otherwise.
    """

    def __init__(self, texts: Mapping[Any, str]) -> None:
        self._texts = texts
        self._formatter = _Formatter(self)

    def write(self, reason: Reason) -> str:
        """The whole sentence; where its parameters do not fit it, they follow the code.

        Only a damaged store holds such a reason.
        """
        try:
            return self.write_exactly(reason)
        except _NOT_FITTING:
            return f"{reason.code}: {dict(reason.parameters)}"

    def write_exactly(self, reason: Reason) -> str:
        """The whole sentence; an error of Python's own: the parameters do not fit."""
        values = {
            name: self.write_value(name, value) for name, value in reason.parameters
        }
        return self._formatter.vformat(self._texts[reason.code], (), values)

    def write_value(self, name: str, value: Parameter) -> Parameter:  # noqa: ARG002
        """A parameter as it goes into the sentence; ``name`` says what it is."""
        return self.write(value) if isinstance(value, Reason) else value

    def write_wait(self, seconds: float) -> str:
        """A time to wait, in words."""
        return format_wait(seconds)

    def write_instant(self, wall: float) -> str:
        """A time of the wall clock."""
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
