"""A compose file as facts of a stack. Only what ``sidecar init`` needs is read."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sidecar.config.file.raw_tree import Tree
from sidecar.config.file.text_file import read_text
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.core.setup.stack_facts import (
    HealthCheckFacts,
    PublishedPort,
    ServiceFacts,
    StackFacts,
    Variable,
    is_port,
)
from sidecar.core.setup.variables import read_variable

MOST_SERVICES = 300
_DEFAULT_NETWORK = "default"
_PROXY_LABEL = ".loadbalancer.server.port"
_WITH_DEFAULT = re.compile(r"\$\{\w+:?-([^${}]*)\}")
_PORT = re.compile(
    r"(?:(\[[0-9a-fA-F:]+\]|(?:[0-9]+\.){3}[0-9]+):)?(?:([0-9]{0,5})(?:-[0-9]+)?:)?([0-9]{1,5})"
    r"(?:-[0-9]+)?(?:/(?:tcp|udp))?"
)


def read_compose_file(path: Path) -> StackFacts:
    """The facts of the services in a compose file. Raises ConfigError."""
    return parse_compose(read_text(path, "a compose file"), str(path))


def parse_compose(text: str, name: str) -> StackFacts:
    """The facts of the services in a compose file's text. Raises ConfigError."""
    from sidecar.config.file import yaml_text  # noqa: PLC0415 - YAML weighs 3 MB

    tree, faults = yaml_text.parse_yaml(text, name)
    services = _as_mapping(_as_mapping(tree).get("services"))
    if not faults and not services:
        hint = "files that it includes or extends are not read: give their names"
        faults = [ConfigProblem(name, "no services", "a compose file", hint)]
    if faults:
        raise ConfigError(faults)
    project = _as_mapping(tree).get("name")
    return StackFacts(
        project if isinstance(project, str) else "",
        tuple(
            _service(key, _as_mapping(section))
            for key, section in list(services.items())[:MOST_SERVICES]
        ),
    )


def _service(name: str, section: Mapping[str, Tree]) -> ServiceFacts:
    labels = dict(_pairs(section.get("labels")))
    image = _as_text(section.get("image"))
    mode = _as_text(section.get("network_mode"))
    networks = tuple(_names(section.get("networks"))) or (_DEFAULT_NETWORK,)
    own_names = (
        _as_text(section.get("container_name")),
        _as_text(section.get("hostname")),
    )
    published = tuple(_read_published(section.get("ports")))
    return ServiceFacts(
        name=name,
        container=own_names[0],
        image=image,
        command=(*_words(section.get("entrypoint")), *_words(section.get("command"))),
        variables=tuple(_variables(section.get("environment"))),
        exposed_ports=tuple(
            dict.fromkeys(
                (*_read_exposed(section.get("expose")), *(p.port for p in published))
            )
        ),
        published_ports=published,
        proxied_port=_proxied_port(labels),
        health_check=_health_check(section.get("healthcheck")),
        names=frozenset(n.casefold() for n in (name, *own_names) if n),
        depends_on=tuple(_names(section.get("depends_on"))),
        networks=frozenset() if mode else frozenset(networks),
        network_mode=mode,
        is_sidecar=_is_sidecar(name, image),
    )


def _is_sidecar(name: str, image: str) -> bool:
    return name == "sidecar" or image.rpartition("/")[2].partition(":")[0] == "sidecar"


# --- parts of a section, in each of their forms


def _as_mapping(tree: Tree) -> Mapping[str, Tree]:
    return tree if isinstance(tree, dict) else {}


def _as_text(tree: Tree) -> str:
    """A scalar as text, with the defaults of its variables."""
    if tree is None or isinstance(tree, dict | list):
        return ""
    text = str(tree).lower() if isinstance(tree, bool) else str(tree)
    return _WITH_DEFAULT.sub(r"\1", text)


def _words(tree: Tree) -> tuple[str, ...]:
    if isinstance(tree, list):
        return tuple(_as_text(item) for item in tree)
    text = _as_text(tree)
    return (text,) if text else ()


def _names(tree: Tree) -> Iterator[str]:
    """The names in a list, or the keys of a mapping."""
    items = tree if isinstance(tree, list) else list(_as_mapping(tree))
    yield from (_as_text(item) for item in items if _as_text(item))


def _pairs(tree: Tree) -> Iterator[tuple[str, str]]:
    """Names and values of a mapping, or of a list of ``NAME=value``."""
    for key, value in _as_mapping(tree).items():
        yield key, _as_text(value)
    for item in tree if isinstance(tree, list) else ():
        name, _, text = _as_text(item).partition("=")
        yield name, text


def _variables(tree: Tree) -> Iterator[Variable]:
    for name, value in _pairs(tree):
        yield read_variable(name, value)


def _read_exposed(tree: Tree) -> Iterator[int]:
    for item in tree if isinstance(tree, list) else ():
        match = _PORT.fullmatch(_as_text(item))
        if match and is_port(int(match[3])):
            yield int(match[3])


def _read_published(tree: Tree) -> Iterator[PublishedPort]:
    for item in tree if isinstance(tree, list) else ():
        if isinstance(item, dict):
            text = f"{_as_text(item.get('published'))}:{_as_text(item.get('target'))}"
            host = _as_text(item.get("host_ip"))
        else:
            text, host = _as_text(item), ""
        match = _PORT.fullmatch(text)
        if match and is_port(int(match[3])):
            address = (match[1] or host).strip("[]")
            yield PublishedPort(int(match[3]), address, int(match[2] or 0))


def _proxied_port(labels: Mapping[str, str]) -> int | None:
    for name, value in labels.items():
        is_number = re.fullmatch(r"[0-9]{1,5}", value) is not None
        if name.endswith(_PROXY_LABEL) and is_number and is_port(int(value)):
            return int(value)
    return None


def _health_check(tree: Tree) -> HealthCheckFacts | None:
    section = _as_mapping(tree)
    words = _words(section.get("test"))
    if not words or words[0] == "NONE" or section.get("disable") is True:
        return None
    rest = words[1:] if words[0] in {"CMD", "CMD-SHELL"} else words
    return HealthCheckFacts(" ".join(rest))
