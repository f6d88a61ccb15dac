"""Facts of a service from the engine's JSON about its container. Pure."""

import re
from collections.abc import Iterator, Mapping

from sidecar.core.model.container import Process
from sidecar.core.setup.stack_facts import (
    HealthCheckFacts,
    Mount,
    MountKind,
    PublishedPort,
    ServiceFacts,
    Variable,
    is_port,
)
from sidecar.core.setup.variables import read_variable
from sidecar.engine.containers import epoch_seconds, parse
from sidecar.engine.survey_types import SurveyedContainer

SERVICE_LABEL = "com.docker.compose.service"
_DEPENDS_LABEL = "com.docker.compose.depends_on"
_TITLE_LABEL = "org.opencontainers.image.title"
_PROXY_LABEL = ".loadbalancer.server.port"
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_KINDS = {kind.value: kind for kind in MountKind}


def read_service(
    raw: object,
    stack: str,
    processes: tuple[Process, ...] | None,
    now_wall: float,
    own_id: str,
) -> ServiceFacts:
    """The facts of one container. msgspec.ValidationError.

    Names of the stack's own networks are those of its compose file.
    """
    box = parse(raw, SurveyedContainer)
    labels = box.config.labels or {}
    host = box.host_config
    networks = box.network_settings.networks or {}
    variables = tuple(_variables(box.config.env or ()))
    name = labels.get(SERVICE_LABEL) or box.name.removeprefix("/")
    published = tuple(_read_published(box))
    return ServiceFacts(
        name=name,
        container=box.name.removeprefix("/"),
        image=box.config.image,
        command=(box.path, *(box.args or ())),
        processes=_command_lines(processes),
        variables=variables,
        exposed_ports=tuple(dict.fromkeys(_read_exposed(box))),
        published_ports=published,
        proxied_port=_proxied_port(labels),
        health_check=_health_check(box),
        names=frozenset(_names(box, name)),
        depends_on=tuple(_depends_on(labels.get(_DEPENDS_LABEL, ""))),
        networks=frozenset(compose_network(n, stack) for n in networks),
        network_mode=host.network_mode or "",
        mounts=tuple(_mounts(box)),
        has_init=host.init,
        restart_policy=host.restart_policy.name or "no",
        restart_count=box.restart_count,
        status=box.state.status,
        run_s=_run_s(box, now_wall),
        memory_limit_bytes=host.memory,
        stop_signal=box.config.stop_signal or "",
        time_zone=_value(variables, "TZ"),
        user=box.config.user,
        group_ids=tuple(host.group_add or ()),
        is_sidecar=box.id == own_id or _is_sidecar(box, labels),
    )


def compose_network(name: str, stack: str) -> str:
    """A network's name in the compose file; a foreign network keeps its name."""
    return name.removeprefix(f"{stack}_")


def _is_sidecar(box: SurveyedContainer, labels: Mapping[str, str]) -> bool:
    is_program = box.path.rpartition("/")[2] == "sidecar"
    return labels.get(_TITLE_LABEL) == "sidecar" and is_program


def _command_lines(processes: tuple[Process, ...] | None) -> tuple[str, ...] | None:
    """The command lines, PID 1 first: the process whose parent is not among them."""
    if not processes:
        return None
    pids = {process.pid for process in processes}
    ordered = sorted(processes, key=lambda p: (p.ppid in pids, p.pid))
    return tuple(process.command for process in ordered)


def _variables(lines: list[str] | tuple[str, ...]) -> Iterator[Variable]:
    for line in lines:
        name, _, value = line.partition("=")
        yield read_variable(name, value)


def _value(variables: tuple[Variable, ...], name: str) -> str | None:
    return next((v.value for v in variables if v.name == name and v.value), None)


def _read_exposed(box: SurveyedContainer) -> Iterator[int]:
    for key in (
        *(box.config.exposed_ports or {}),
        *(box.host_config.port_bindings or {}),
    ):
        port, _, protocol = key.partition("/")
        if _is_port(port) and protocol in {"", "tcp"}:
            yield int(port)


def _read_published(box: SurveyedContainer) -> Iterator[PublishedPort]:
    """The published ports: those in force, or as configured where it does not run."""
    in_force, configured = box.network_settings.ports, box.host_config.port_bindings
    for key, bindings in (in_force or configured or {}).items():
        port, _, protocol = key.partition("/")
        for binding in bindings or ():
            if _is_port(port) and protocol in {"", "tcp"}:
                host_port = int(binding.host_port) if _is_port(binding.host_port) else 0
                yield PublishedPort(int(port), binding.host_ip, host_port)


def _proxied_port(labels: Mapping[str, str]) -> int | None:
    for name, value in labels.items():
        if name.endswith(_PROXY_LABEL) and _is_port(value):
            return int(value)
    return None


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and is_port(int(text))


def _health_check(box: SurveyedContainer) -> HealthCheckFacts | None:
    check = box.config.healthcheck
    words = check.test if check is not None else None
    if not words or words[0] == "NONE":
        return None
    return HealthCheckFacts(" ".join(words[1:]))


def _names(box: SurveyedContainer, service: str) -> Iterator[str]:
    yield service.casefold()
    yield box.name.removeprefix("/").casefold()
    for endpoint in (box.network_settings.networks or {}).values():
        if endpoint is not None:
            for name in (*(endpoint.aliases or ()), *(endpoint.dns_names or ())):
                yield name.casefold()


def _depends_on(label: str) -> Iterator[str]:
    """The services in compose's label: ``db:service_healthy:false,cache:...``."""
    for part in label.split(","):
        name = part.partition(":")[0].strip()
        if name:
            yield name


def _mounts(box: SurveyedContainer) -> Iterator[Mount]:
    for mount in box.mounts or ():
        kind = _KINDS.get(mount.type, MountKind.OTHER)
        anonymous = kind is MountKind.VOLUME and bool(_ANONYMOUS.fullmatch(mount.name))
        yield Mount(kind, mount.destination, mount.source, anonymous)
    for destination in box.host_config.tmpfs or {}:
        yield Mount(MountKind.TMPFS, destination)


def _run_s(box: SurveyedContainer, now_wall: float) -> float | None:
    started = epoch_seconds(box.state.started_at) if box.state.started_at else 0.0
    return max(0.0, now_wall - started) if started else None
