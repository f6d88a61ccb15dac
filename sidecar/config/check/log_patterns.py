"""Faults of a ``log`` probe: no pattern, or one that cannot be used."""

from collections.abc import Iterator

from sidecar.config.problem import ConfigProblem, quote_value
from sidecar.core.model.log_sets import LOG_SETS, PATTERN_MEMORY_BYTES
from sidecar.core.model.probe_settings import FieldPattern, LogProbe


def log_faults(probe: LogProbe, path: str) -> Iterator[ConfigProblem]:
    """All faults of the patterns.

    An expression of RE2 takes linear time, so none can hold the process up.
    """
    if not probe.patterns and not probe.sets:
        hint = f"sets: {', '.join(LOG_SETS)}"
        allowed = "patterns, a set, or both"
        yield ConfigProblem(f"{path}.patterns", "nothing", allowed, hint)
    for index, pattern in enumerate(probe.patterns):
        place = f"{path}.patterns[{index}]"
        if isinstance(pattern, FieldPattern):
            yield from _expression_faults(f"{place}.matches", pattern.matches)
        else:
            yield from _expression_faults(place, pattern)


def _expression_faults(path: str, expression: str) -> Iterator[ConfigProblem]:
    import re2  # noqa: PLC0415 - 3 MB, and only needed here

    options = re2.Options()
    options.max_mem = PATTERN_MEMORY_BYTES
    options.log_errors = False
    try:
        pattern = re2.compile(expression, options)
    except re2.error as error:
        why = error.args[0]
        hint = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        allowed = "an expression of RE2: no look-around, no back references"
        yield ConfigProblem(path, quote_value(expression), allowed, hint)
        return
    if pattern.search(b""):
        allowed = "an expression that not every line matches"
        yield ConfigProblem(path, quote_value(expression), allowed)
