"""The section ``maintenance`` as settings, and its faults."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from sidecar.config.check.cron import cron_faults, shortest_gap_s
from sidecar.config.check.urls import url_fault
from sidecar.config.duration import format_seconds, parse_seconds
from sidecar.config.file.maintenance_sections import (
    AnyTaskSection,
    CommandTaskSection,
    HttpTaskSection,
    ImageAgeSection,
    Maintenance,
    ReportSection,
    TaskSection,
    Window,
)
from sidecar.config.file.model import Document
from sidecar.config.file.setting_types import value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.maintenance_task import (
    HttpCall,
    ImageLimit,
    ReportPeriod,
    TargetCommand,
    Task,
    TaskKind,
    TaskNotify,
    TaskSettings,
)
from sidecar.core.model.maintenance_window import WindowSettings

CRON_OF: Mapping[str, str] = MappingProxyType(
    {
        "daily": "10 4 * * *",
        "weekly": "10 4 * * 1",
        "monthly": "10 4 1 * *",
        "quarterly": "10 4 1 1,4,7,10 *",
    }
)
"""The cron line of each word of ``every``: at 04:10, on Mondays or on the first."""

CLEAN_UP_NAME = "clean-up"
SHORTEST_GAP_S = 60.0
"""Tasks come at most once a minute: each run is recorded."""
LONGEST_PERIOD_S = 366 * 86_400.0
LONGEST_TIMEOUT_S = 6 * 3600.0


def maintenance_tasks(document: Document, reader: SecretReader) -> tuple[Task, ...]:
    """The tasks in force; faults of secrets are added to ``reader.faults``.

    Without a task of the type ``clean_up`` there is one that runs each day. Reads
    secrets from files: do not call it on the event loop.
    """
    sections = _sections(document)
    tasks = tuple(_task(name, s, reader) for name, s in sections.items())
    if any(task.kind is TaskKind.CLEAN_UP for task in tasks):
        return tasks
    clean_up = Task(CLEAN_UP_NAME, TaskKind.CLEAN_UP, CRON_OF["daily"])
    return (clean_up, *(task for task in tasks if task.name != CLEAN_UP_NAME))


def maintenance_windows(document: Document) -> tuple[WindowSettings, ...]:
    """The maintenance windows in force."""
    return tuple(
        WindowSettings(
            window.cron,
            parse_seconds(window.duration),
            value_or(window.timezone, "UTC"),
            tuple(value_or(window.targets, ())),
        )
        for window in _windows(document)
    )


def window_faults(
    document: Document, known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    """Faults of the windows. ``known_names``: of all targets."""
    for index, window in enumerate(_windows(document)):
        path = f"maintenance.windows[{index}]"
        timezone = value_or(window.timezone, "UTC")
        faults = list(cron_faults(path, window.cron, timezone))
        yield from faults
        gap_s = None if faults else shortest_gap_s(window.cron)
        if gap_s is not None and parse_seconds(window.duration) >= gap_s:
            allowed = f"less than {format_seconds(gap_s)}, the time between two begins"
            hint = "a window without end would hold every remedy and every message"
            yield ConfigProblem(f"{path}.duration", window.duration, allowed, hint)
        names = value_or(window.targets, ())
        yield from _unknown_name_faults(f"{path}.targets", names, known_names)


def task_faults(
    document: Document, known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    """Faults of the tasks. ``known_names``: of all targets."""
    for name, section in _sections(document).items():
        yield from _faults(section, f"maintenance.tasks.{name}", known_names)


def _unknown_name_faults(
    path: str, names: Iterable[str], known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    allowed = ", ".join(sorted(known_names)) or "none: there are none"
    yield from (
        ConfigProblem(path, repr(name), allowed)
        for name in names
        if name not in known_names
    )


def _windows(document: Document) -> Sequence[Window]:
    maintenance = value_or(document.maintenance, Maintenance())
    return value_or(maintenance.windows, ())


def _sections(document: Document) -> Mapping[str, AnyTaskSection]:
    maintenance = value_or(document.maintenance, Maintenance())
    return value_or(maintenance.tasks, {})


def _task(name: str, section: AnyTaskSection, reader: SecretReader) -> Task:
    kind = TaskKind(str(section.__struct_config__.tag))
    timeout = value_or(section.timeout, None)
    usual = TaskNotify.ALWAYS if kind.rule.reports_always else TaskNotify.PROBLEMS
    return Task(
        name,
        kind,
        _cron(section),
        timezone=value_or(section.timezone, "UTC"),
        timeout_s=kind.rule.timeout_s if timeout is None else parse_seconds(timeout),
        notify=TaskNotify(value_or(section.notify, usual)),
        does=_does(section, f"maintenance.tasks.{name}", reader),
    )


def _does(
    section: AnyTaskSection, path: str, reader: SecretReader
) -> TaskSettings | None:
    if isinstance(section, HttpTaskSection):
        url = reader.take(section.url, section.url_file, f"{path}.url")
        return HttpCall(url or "", value_or(section.method, "GET"))
    if isinstance(section, CommandTaskSection):
        return TargetCommand(section.target, tuple(section.command))
    if isinstance(section, ReportSection):
        period = value_or(section.period, None)
        return ReportPeriod(parse_seconds(period)) if period else ReportPeriod()
    if isinstance(section, ImageAgeSection):
        limit = value_or(section.older_than, None)
        return ImageLimit(parse_seconds(limit)) if limit else ImageLimit()
    return None


def _cron(section: TaskSection) -> str:
    every = value_or(section.every, "daily")
    return value_or(section.cron, CRON_OF[every])


def _faults(
    section: AnyTaskSection, path: str, known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    every, cron = value_or(section.every, None), value_or(section.cron, None)
    if (every is None) is (cron is None):
        actual = "neither" if every is None else "every and cron"
        yield ConfigProblem(path, actual, "one of every and cron")
    yield from _schedule_faults(section, path)
    timeout = value_or(section.timeout, None)
    if timeout is not None and parse_seconds(timeout) > LONGEST_TIMEOUT_S:
        allowed = f"at most {format_seconds(LONGEST_TIMEOUT_S)}"
        yield ConfigProblem(f"{path}.timeout", timeout, allowed)
    if isinstance(section, HttpTaskSection):
        yield from _http_faults(section, path)
    period = value_or(getattr(section, "period", None), None)
    if period is not None and parse_seconds(period) > LONGEST_PERIOD_S:
        allowed = f"at most {format_seconds(LONGEST_PERIOD_S)}"
        yield ConfigProblem(f"{path}.period", period, allowed)
    if isinstance(section, CommandTaskSection):
        yield from _unknown_name_faults(
            f"{path}.target", (section.target,), known_names
        )


def _schedule_faults(section: TaskSection, path: str) -> Iterator[ConfigProblem]:
    cron = _cron(section)
    faults = list(cron_faults(path, cron, value_or(section.timezone, "UTC")))
    yield from faults
    gap_s = None if faults else shortest_gap_s(cron)
    if gap_s is not None and gap_s < SHORTEST_GAP_S:
        allowed = "a line that comes at most once a minute"
        yield ConfigProblem(f"{path}.cron", repr(cron), allowed)


def _http_faults(section: HttpTaskSection, path: str) -> Iterator[ConfigProblem]:
    url, file = value_or(section.url, None), value_or(section.url_file, None)
    if url is None and file is None:
        yield ConfigProblem(f"{path}.url", "nothing", "an address, or url_file")
    fault = url_fault(f"{path}.url", url) if url is not None else None
    if fault:
        yield fault
