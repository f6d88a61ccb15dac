"""Plan a container equal to another one, and compare both. Pure.

The settings are passed on as the engine gives them. Left out is only what the engine
had added by itself, and adds again: the host name from the id, and its own addresses.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sidecar.core.ports.engine import Replacement
from sidecar.core.reason.reason import Reason
from sidecar.engine.containers import parse
from sidecar.engine.replacement_types import (
    ConfigFacts,
    EndpointSettings,
    HostFacts,
    Json,
    Original,
)

SHORT_ID = 12
_OF_CONTAINER = "container:"
_WITHOUT_ENDPOINT = frozenset({"host", "none"})
_DEFAULT_NETWORK = "bridge"


def plan_container(raw: object, obstacles: tuple[Reason, ...]) -> Replacement:
    """The plan of a container equal to the inspected one.

    msgspec.ValidationError: the answer is not what the engine's API promises.
    """
    original = parse(raw, Original)
    host = parse(original.host_config, HostFacts)
    endpoints = _endpoints(original, host.network_mode)
    main = primary_network(original, host.network_mode)
    body = _config(original, host.network_mode)
    body["HostConfig"] = original.host_config
    if main in endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": {main: endpoints[main]}}
    further = tuple(
        (name, msgspec.json.encode(settings))
        for name, settings in endpoints.items()
        if name != main
    )
    return Replacement(
        original.own_name,
        msgspec.json.encode(body),
        further,
        msgspec.json.encode(raw),
        obstacles,
    )


def primary_network(original: Original, network_mode: str) -> str:
    """The network that a container of this mode is created on; "": none.

    The mode has the id of a network that compose did not make; its name is given.
    """
    if not has_endpoints(network_mode):
        return ""
    main = network_mode if network_mode != "default" else _DEFAULT_NETWORK
    networks = original.network_settings.networks or {}
    names = (name for name, at in networks.items() if at and at.network_id == main)
    return next(names, main)


def has_endpoints(network_mode: str) -> bool:
    """Has a container of this mode networks of its own?"""
    shares = network_mode.startswith(_OF_CONTAINER)
    return not shares and network_mode not in _WITHOUT_ENDPOINT


def _config(original: Original, network_mode: str) -> Json:
    config = dict(original.config)
    if _is_derived_host_name(original, network_mode):
        config.pop("Hostname", None)
    if network_mode.startswith(_OF_CONTAINER):
        # The engine refuses them here, and adds the image's by itself.
        config.pop("ExposedPorts", None)
    return config


def _is_derived_host_name(original: Original, network_mode: str) -> bool:
    """Did the engine make the host name, from the id or from another's name?"""
    hostname = parse(original.config, ConfigFacts).hostname
    shares = network_mode == "host" or network_mode.startswith(_OF_CONTAINER)
    return shares or hostname == original.id[:SHORT_ID]


def _endpoints(original: Original, network_mode: str) -> dict[str, Json]:
    if not has_endpoints(network_mode):
        return {}
    networks = original.network_settings.networks or {}
    return {
        name: endpoint_settings(original.id, at or EndpointSettings())
        for name, at in networks.items()
    }


def endpoint_settings(container_id: str, at: EndpointSettings) -> Json:
    """The settings that the container was given on a network, as for a create."""
    settings: Mapping[str, Any] = {
        "Aliases": _aliases(container_id, at),
        "IPAMConfig": at.ipam,
        "DriverOpts": at.driver_opts,
        "GwPriority": at.gateway_priority,
        "MacAddress": _chosen_mac(at),
    }
    return {name: value for name, value in settings.items() if value}


def _aliases(container_id: str, at: EndpointSettings) -> list[str]:
    """The aliases, without the one that the engine makes of the id."""
    return [a for a in at.aliases or () if a != container_id[:SHORT_ID]]


def _chosen_mac(at: EndpointSettings) -> str:
    """The MAC address, unless the engine made it of the IP address."""
    mac, ipv4 = at.mac_address or "", at.ipv4 or ""
    try:
        parts = [f"{int(part):02x}" for part in ipv4.split(".")]
    except ValueError:
        parts = []
    return "" if mac == ":".join(["02", "42", *parts]) else mac


def differences(original_raw: object, created_raw: object) -> Iterator[str]:
    """Names of settings in which a created container differs from its original."""
    original, created = parse(original_raw, Original), parse(created_raw, Original)
    mode = parse(original.host_config, HostFacts).network_mode
    expected = _named_after_id(original, mode)
    yield from _find_differences("Config", original.config, created.config, expected)
    yield from _find_differences(
        "HostConfig", original.host_config, created.host_config, ()
    )
    if original.image != created.image:
        yield "Image"
    if _mounts_of(original) != _mounts_of(created):
        yield "Mounts"
    before, after = _endpoints(original, mode), _endpoints(created, mode)
    for name in sorted(before.keys() | after.keys()):
        if _chosen(before.get(name)) != _chosen(after.get(name)):
            yield f"Networks.{name}"


def _named_after_id(original: Original, network_mode: str) -> tuple[str, ...]:
    """Settings that name a container's id, so that a new one has another."""
    hostname = parse(original.config, ConfigFacts).hostname
    is_of_id = hostname == original.id[:SHORT_ID]
    shares = network_mode.startswith(_OF_CONTAINER)
    return ("Hostname",) if is_of_id or shares else ()


def _find_differences(
    part: str, before: Json, after: Json, expected: tuple[str, ...]
) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        # Null, empty and absent mean the same to the engine.
        is_same = (before.get(name) or None) == (after.get(name) or None)
        if not is_same and name not in expected:
            yield f"{part}.{name}"


def _mounts_of(container: Original) -> dict[str, object]:
    return {mount.destination: mount for mount in container.mounts or ()}


def _chosen(settings: Json | None) -> Json | None:
    """The settings of an endpoint that were asked for, in comparable order."""
    if settings is None:
        return None
    return {
        "Aliases": sorted(settings.get("Aliases", ())),
        "IPAMConfig": settings.get("IPAMConfig") or {},
        "DriverOpts": settings.get("DriverOpts") or {},
        "GwPriority": settings.get("GwPriority", 0),
    }
