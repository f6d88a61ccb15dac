"""Checks of cron lines and their time zones."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from sidecar.config.problem import ConfigProblem, quote_value

CRON_WORDS = "a cron line such as '0 3 * * *'"

_SAMPLE = 60


def cron_faults(path: str, cron: str, timezone: str) -> Iterator[ConfigProblem]:
    """Faults of a cron line and of its time zone."""
    if _zone(timezone) is None:
        hint = "is it spelt as in the tz database?"
        allowed = "a time zone such as Asia/Seoul"
        yield ConfigProblem(f"{path}.timezone", quote_value(timezone), allowed, hint)
    why = _cron_objection(cron)
    if why:
        hint = f"{why}: minute hour day month weekday (a sixth field first: seconds)"
        yield ConfigProblem(f"{path}.cron", quote_value(cron), CRON_WORDS, hint)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """A time zone; cached, so that a lookup on the event loop reads no file."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None


@lru_cache(maxsize=1024)
def _cron_objection(cron: str) -> str:
    try:
        CronSim(cron, datetime.fromtimestamp(0, UTC))
    except CronSimError as error:
        return str(error)
    except (ValueError, AssertionError):  # cronsim's parser raises these, too
        return "Not a cron line"
    return ""


@lru_cache(maxsize=1024)
def shortest_gap_s(cron: str) -> float | None:
    """The shortest time between two of the next occurrences."""
    times = islice(CronSim(cron, datetime.fromtimestamp(0, UTC)), _SAMPLE)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return min(gaps, default=timedelta.max).total_seconds() if gaps else None
