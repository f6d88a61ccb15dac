"""Facts of stacks for tests of ``init`` and ``doctor``."""

from dataclasses import replace

from sidecar.core.setup.hazards.hazard import Finding, Unjudged
from sidecar.core.setup.hazards.table import HAZARDS
from sidecar.core.setup.proposal import propose_setup
from sidecar.core.setup.stack_facts import (
    HealthCheckFacts,
    Mount,
    MountKind,
    ServiceFacts,
    StackFacts,
    Variable,
)
from sidecar.core.setup.variables import read_variable

DAEMON = "/usr/bin/python3 /usr/local/bin/electron-cash -D /data daemon"
NAMED = Mount(MountKind.VOLUME, "/data", "shop_wallet-data")


def variables(**values: str) -> tuple[Variable, ...]:
    return tuple(read_variable(name, value) for name, value in values.items())


def service(name: str, **changes: object) -> ServiceFacts:
    """A service that runs, on the default network, with nothing else known."""
    plain = ServiceFacts(
        name,
        container=f"shop-{name}-1",
        names=frozenset({name}),
        networks=frozenset({"default"}),
        status="running",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field of it


def wallet(**changes: object) -> ServiceFacts:
    """A wallet daemon without a hazard."""
    good = service(
        "electron-cash",
        processes=("/sbin/docker-init -- electron-cash", DAEMON),
        has_init=True,
        mounts=(NAMED,),
        exposed_ports=(7777,),
        memory_limit_bytes=512_000_000,
        restart_policy="unless-stopped",
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # any field of it


def payment_service(**changes: object) -> ServiceFacts:
    """The service that needs the wallet, without a hazard."""
    good = service(
        "bitcoincash-service",
        processes=("/sbin/docker-init -- python service.py", "python service.py"),
        has_init=True,
        variables=variables(WALLET_URL="http://electron-cash:7777/"),
        health_check=HealthCheckFacts("curl -fsS -m 3 http://localhost:8080/health"),
        exposed_ports=(8080,),
        memory_limit_bytes=512_000_000,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # any field of it


def sidecar_service(**changes: object) -> ServiceFacts:
    """Sidecar's own service."""
    good = service(
        "sidecar",
        is_sidecar=True,
        user="10001:10001",
        group_ids=("999",),
        mounts=(Mount(MountKind.BIND, "/var/run/docker.sock", "/var/run/docker.sock"),),
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # any field of it


def stack(*services: ServiceFacts, **changes: object) -> StackFacts:
    """A stack; without services the wallet, its dependent and Sidecar."""
    pair = (wallet(), payment_service(), sidecar_service())
    plain = StackFacts("shop", services or pair)
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field of it


def check(code: str, facts: StackFacts) -> list[Finding | Unjudged]:
    """The results of one check of the table."""
    (rule,) = (rule for rule in HAZARDS if rule.code == code)
    return list(rule.check(propose_setup(facts)))
