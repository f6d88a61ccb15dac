"""Reasons in the language of a message."""

from collections.abc import Mapping

from sidecar.core.reason.reason import Parameter, Reason, ReasonWriter
from sidecar.core.text.formatting import split_wait
from sidecar.core.text.time_texts import Words

_NAMED = {"action": "action", "cause": "problem", "state": "in_state"}
"""Parameters that hold a public name, and the key prefix of its text."""


class MessageReasonWriter(ReasonWriter):
    """Writes reasons as people read them: public names and times in words."""

    def __init__(self, texts: Mapping[str, str], words: Words) -> None:
        super().__init__(texts)
        self._words = words

    def write_value(  # type: ignore[explicit-override]
        self, name: str, value: Parameter
    ) -> Parameter:
        """A parameter's text; actions, causes and states in words."""
        if name not in _NAMED or isinstance(value, Reason):
            return super().write_value(name, value)
        try:
            return self._words(f"{_NAMED[name]}.{value}")
        except KeyError:
            return value

    def write_wait(self, seconds: float) -> str:  # type: ignore[explicit-override]
        """A time to wait, in the language's units."""
        number, unit = split_wait(seconds)
        return self._words(f"wait.{unit}", number=number)
