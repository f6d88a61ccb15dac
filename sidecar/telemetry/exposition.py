"""Prometheus' text for thousands of series.

The library's encoder works every line out from nothing: over a second of the
processor for a thousand targets. Here what the lines of one metric have in common
is worked out once. Families of few series are left to the library, and a test holds
these lines against its own, byte for byte.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from sidecar.telemetry.metric_definitions import MetricDefinition

PIECE_CHARACTERS = 32 * 1024
"""Half a millisecond's work."""

_TOTAL = "_total"
_KNOWN = re.compile(
    r"(text/plain|application/openmetrics-text); version=(0\.0\.[14]|1\.0\.0)"
    r"; charset=utf-8(; escaping=[a-z-]+)?"
)


@lru_cache(maxsize=2048)
def number(value: float) -> str:
    """As Prometheus writes it. Most are among a few hundred."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


Encode = Callable[[CollectorRegistry], bytes]


def _choose_format(accept: str) -> tuple[Encode, str]:
    """The default where the header makes no sense, or asks for what nobody knows."""
    try:
        encode, content_type = choose_encoder(accept)
    except Exception:  # noqa: BLE001 - the library raises whatever a header leads to
        return choose_encoder("")
    known = _KNOWN.fullmatch(content_type) is not None
    return (encode, content_type) if known else choose_encoder("")


class Exposition:
    """One scrape's text, in the format for which an Accept header asks."""

    def __init__(self, accept: str) -> None:
        self._encode, self.content_type = _choose_format(accept)
        self._open_metrics = "openmetrics" in self.content_type

    def head(self, spec: MetricDefinition) -> str:
        """What stands before the lines of a metric."""
        name = spec.name.removesuffix(_TOTAL) if self._open_metrics else spec.name
        return f"# HELP {name} {spec.help}\n# TYPE {name} {spec.kind}\n"

    def tail(self, exemplar: Exemplar | None) -> str:
        """What stands after a value, to the line's end."""
        if exemplar is None or not self._open_metrics:
            return "\n"
        labels = ",".join(f'{k}="{quote_label(v)}"' for k, v in exemplar.labels.items())
        return f" # {{{labels}}} {number(exemplar.value)}\n"

    def gauge(
        self, spec: MetricDefinition, samples: Iterable[tuple[tuple[str, ...], float]]
    ) -> Iterator[str]:
        """A whole gauge; each sample has the values of its labels in order."""
        yield self.head(spec)
        if not spec.labels:
            yield from (f"{spec.name} {number(value)}\n" for _, value in samples)
            return
        lines = SampleLines(spec.name, spec.labels)
        for labels, value in samples:
            yield lines.line(quote_label(labels[0]), labels[1:], value)

    def end(self, registry: CollectorRegistry) -> str:
        """What the library collects by itself, and the end of the text."""
        return self._encode(registry).decode()


class SampleLines:
    """Lines of one name. The first label is the owner's: the part that differs."""

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        self._name = name
        self._owner, *self._rest = labels
        self._frames: dict[tuple[str, ...], tuple[str, str]] = {}

    def line(
        self, owner: str, rest: tuple[str, ...], value: float, tail: str = "\n"
    ) -> str:
        """One sample; ``owner`` is quoted already."""
        frame = self._frames.get(rest)
        if frame is None:
            frame = self._frames[rest] = self._frame(rest)
        before, after = frame
        return f"{before}{owner}{after}{number(value)}{tail}"

    def _frame(self, rest: tuple[str, ...]) -> tuple[str, str]:
        """What stands before the owner and after it: labels go by their names."""
        told = sorted(
            (name, f'{name}="{quote_label(value)}"')
            for name, value in zip(self._rest, rest, strict=True)
        )
        before = "".join(f"{text}," for name, text in told if name < self._owner)
        after = "".join(f",{text}" for name, text in told if name > self._owner)
        return f'{self._name}{{{before}{self._owner}="', f'"{after}}} '


def quote_label(value: str) -> str:
    """As it stands between a label's quotation marks."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """Joined to some PIECE_CHARACTERS each."""
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= PIECE_CHARACTERS:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting).encode()
