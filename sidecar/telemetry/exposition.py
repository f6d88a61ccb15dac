"""Prometheus' text for thousands of series.

The library's encoder computes every line anew: over a second of processor time for
a thousand targets. Here the common parts of one metric's lines are computed once.
The library encodes families of few series, and a test compares these lines with its
own, byte for byte.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from sidecar.telemetry.metric_definitions import MetricDefinition

PIECE_CHARACTERS = 32 * 1024
"""Size of one piece; it takes half a millisecond."""

PIECE_S = 0.005
"""A piece ends after that time where thousands of targets have little to say."""

_TOTAL = "_total"
_KNOWN = re.compile(
    r"(text/plain|application/openmetrics-text); version=(0\.0\.[14]|1\.0\.0)"
    r"; charset=utf-8(; escaping=[a-z-]+)?"
)


@lru_cache(maxsize=2048)
def number(value: float) -> str:
    """A number as Prometheus writes it; most are among a few hundred."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


Encode = Callable[[CollectorRegistry], bytes]


def _choose_format(accept: str) -> tuple[Encode, str]:
    """The format of an Accept header; the default where it is invalid or unknown."""
    try:
        encode, content_type = choose_encoder(accept)
    except Exception:  # noqa: BLE001 - the library raises anything for a bad header
        return choose_encoder("")
    is_known = _KNOWN.fullmatch(content_type) is not None
    return (encode, content_type) if is_known else choose_encoder("")


class Exposition:
    """One scrape's text, in the format for which an Accept header asks."""

    def __init__(self, accept: str) -> None:
        self._encode, self.content_type = _choose_format(accept)
        self._open_metrics = "openmetrics" in self.content_type

    def head(self, spec: MetricDefinition) -> str:
        """The lines before a metric's samples: HELP and TYPE."""
        name = spec.name.removesuffix(_TOTAL) if self._open_metrics else spec.name
        return f"# HELP {name} {spec.help}\n# TYPE {name} {spec.kind}\n"

    def tail(self, exemplar: Exemplar | None) -> str:
        """The end of a line, after the value: an exemplar and the line break."""
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
        """The library's own metrics, and the end of the text."""
        return self._encode(registry).decode()


class SampleLines:
    """Lines of one metric name. The first label is the owner's, which differs."""

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
        """The line's text before the owner and after it; labels are sorted by name."""
        label_texts = sorted(
            (name, f'{name}="{quote_label(value)}"')
            for name, value in zip(self._rest, rest, strict=True)
        )
        before = "".join(f"{text}," for name, text in label_texts if name < self._owner)
        after = "".join(f",{text}" for name, text in label_texts if name > self._owner)
        return f'{self._name}{{{before}{self._owner}="', f'"{after}}} '


def quote_label(value: str) -> str:
    """A label's value, escaped for quotation marks."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def pieces(
    texts: Iterable[str], read_clock: Callable[[], float] = time.perf_counter
) -> Iterator[bytes]:
    """Join texts to pieces of about PIECE_CHARACTERS, or of PIECE_S to make."""
    parts: list[str] = []
    size, began_s = 0, read_clock()
    for text in texts:
        parts.append(text)
        size += len(text)
        if size >= PIECE_CHARACTERS or read_clock() - began_s >= PIECE_S:
            yield "".join(parts).encode()
            parts, size, began_s = [], 0, read_clock()
    if parts:
        yield "".join(parts).encode()
