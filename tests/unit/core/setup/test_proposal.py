"""Rules of ``init``: wallet daemons, HTTP services, dependencies."""

import pytest

from sidecar.core.setup.http_services import find_http
from sidecar.core.setup.proposal import (
    HttpTarget,
    NativeTarget,
    WalletTarget,
    propose_setup,
)
from sidecar.core.setup.service_dependencies import find_dependencies
from sidecar.core.setup.stack_facts import (
    HealthCheckFacts,
    PublishedPort,
    ServiceFacts,
    StackFacts,
)
from sidecar.core.setup.variables import read_variable, references_to
from sidecar.core.setup.wallet_daemons import (
    find_rpc_port,
    find_rpc_user,
    wallet_evidence,
)
from tests.support.stack_facts import (
    payment_service,
    service,
    sidecar_service,
    stack,
    variables,
    wallet,
)

# --- wallet daemons


@pytest.mark.parametrize(
    ("facts", "evidence"),
    [
        (service("a", processes=("sh run.sh", "electron-cash -v daemon")), "processes"),
        (service("a", processes=("python /opt/Electron-Cash daemon",)), "processes"),
        (service("a", command=("sh", "-c", "electron-cash daemon")), "its command"),
        (service("a", command=("electrum", "-D", "/data", "daemon")), "its command"),
        (
            service("a", image="registry.example:5000/x/electron-cash:4.4.5"),
            "its image",
        ),
        (service("a", image="electroncash@sha256:00"), "its image"),
        (service("electron_cash"), "its name"),
        (service("electron-cash-daemon"), "its name"),
        (service("a", image="electron-cash-exporter"), ""),
        (service("a", image="electrumx"), ""),
        (service("electron-cash-web"), ""),
        (service("a", processes=("electron-cash history",)), ""),
        (service("a", processes=("grep daemon electron-cashier.log",)), ""),
        (service("db", image="postgres:16"), ""),
    ],
)
def test_wallet_daemon_is_recognised_by_process_command_image_or_name(
    facts: ServiceFacts, evidence: str
) -> None:
    why = wallet_evidence(facts, stack(facts))
    assert why.startswith(evidence) if not evidence else evidence in why
    assert bool(why) is bool(evidence)


def test_wallet_daemon_is_recognised_by_the_variable_of_its_caller() -> None:
    caller = service("shop", variables=variables(ELECTRON_CASH_URL="http://ec:7777"))
    daemon = service("ec")
    assert "ELECTRON_CASH_URL of shop" in wallet_evidence(daemon, stack(daemon, caller))


@pytest.mark.parametrize("name", ["ledger", "shop-ledger-1"])
def test_wallet_daemon_of_the_settings_is_recognised_with_its_port(name: str) -> None:
    daemon = service("ledger", exposed_ports=(9,))
    facts = stack(daemon, declared_wallets=((name, 7001),))
    assert wallet_evidence(daemon, facts) == "Sidecar's settings say so"
    assert find_rpc_port(daemon, facts).value == "7001"


@pytest.mark.parametrize(
    ("daemon", "port", "is_certain"),
    [
        (
            wallet(command=("electron-cash", "setconfig", "rpcport", "7001")),
            "7001",
            True,
        ),
        (wallet(variables=variables(RPC_PORT="7002")), "7002", True),
        (wallet(exposed_ports=(7777, 7778)), "7003", True),
        (
            wallet(names=frozenset({"other"}), name="x", exposed_ports=(7004,)),
            "7004",
            True,
        ),
        (wallet(names=frozenset(), name="x", exposed_ports=(7777, 7778)), "7777", True),
        (wallet(names=frozenset(), name="x", exposed_ports=()), "7777", False),
    ],
)
def test_rpc_port_comes_from_the_most_certain_source(
    daemon: ServiceFacts, port: str, is_certain: bool
) -> None:
    caller = payment_service(variables=variables(URL="http://electron-cash:7003/"))
    result = find_rpc_port(daemon, stack(daemon, caller))
    assert (result.value, result.is_certain) == (port, is_certain)


@pytest.mark.parametrize(
    ("daemon", "user", "is_certain"),
    [
        (wallet(variables=variables(RPC_USER="bchrpc")), "bchrpc", True),
        (wallet(variables=variables(RPC_USER='a"\nb: c')), "caller", True),
        (wallet(), "caller", True),
        (wallet(name="x", names=frozenset()), "user", False),
    ],
)
def test_rpc_user_comes_from_the_daemon_or_its_caller(
    daemon: ServiceFacts, user: str, is_certain: bool
) -> None:
    caller = payment_service(
        variables=variables(URL="http://electron-cash:7777/", WALLET_USER="caller")
    )
    result = find_rpc_user(daemon, stack(daemon, caller))
    assert (result.value, result.is_certain) == (user, is_certain)


# --- HTTP services


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        (
            service("a", health_check=HealthCheckFacts("curl http://localhost:81/ok")),
            "http://a:81/ok",
        ),
        (
            service(
                "a", health_check=HealthCheckFacts("wget -qO- http://127.0.0.1/up")
            ),
            "http://a/up",
        ),
        (
            service(
                "a", health_check=HealthCheckFacts("curl https://[::1]:8443/h?k=1")
            ),
            "https://a:8443/h",
        ),
        (
            service(
                "a",
                health_check=HealthCheckFacts("curl http://localhost:$PORT/h"),
                variables=variables(PORT="9001"),
            ),
            "http://a:9001/h",
        ),
        (service("a", proxied_port=3030), "http://a:3030/"),
        (service("a", variables=variables(VIRTUAL_PORT="3031")), "http://a:3031/"),
        (service("a", exposed_ports=(9, 8080)), "http://a:8080/"),
        (
            service("a", published_ports=(PublishedPort(5000, "", 80),)),
            "http://a:5000/",
        ),
        (service("a", health_check=HealthCheckFacts("curl http://db:5432/")), None),
        (service("a", health_check=HealthCheckFacts("pg_isready")), None),
        (service("a", exposed_ports=(5432,)), None),
        (service("a"), None),
    ],
)
def test_http_service_is_recognised_with_its_address(
    facts: ServiceFacts, url: str | None
) -> None:
    result = find_http(facts, stack(facts))
    assert (result.url("a") if result is not None else None) == url


def test_http_service_is_recognised_by_the_address_in_its_caller() -> None:
    rates = service("rates", exposed_ports=(9123,))
    caller = service("shop", variables=variables(RATES="http://rates:9123/v1/bch"))
    result = find_http(rates, stack(rates, caller))
    assert result is not None
    assert result.url("rates") == "http://rates:9123/"
    assert not result.is_health_path


def test_path_that_nobody_named_accepts_each_answer_but_an_error() -> None:
    (target,) = propose_setup(stack(service("web", exposed_ports=(8080,)))).targets
    assert isinstance(target.probe, HttpTarget)
    assert 404 in target.probe.statuses
    assert not [status for status in target.probe.statuses if status >= 500]


# --- dependencies


def needs(facts: StackFacts, *names: str) -> dict[str, list[str]]:
    result = find_dependencies(facts, names or [s.name for s in facts.others()])
    return {name: [e.name for e in evidence] for name, evidence in result.items()}


def test_dependencies_come_from_compose_and_from_variables() -> None:
    facts = stack(
        service("a", depends_on=("b",)),
        service("b", variables=variables(C_URL="tcp://c:1/", SELF="b")),
        service("c"),
    )
    assert needs(facts) == {"a": ["b"], "b": ["c"], "c": []}


def test_dependency_passes_through_services_that_are_not_watched() -> None:
    facts = stack(
        service("a", depends_on=("b",)), service("b", depends_on=("c",)), service("c")
    )
    assert needs(facts, "a", "c") == {"a": ["c"], "c": []}


def test_variable_that_closes_a_cycle_is_left_out() -> None:
    facts = stack(
        service("a", depends_on=("b",)),
        service("b", variables=variables(CALLBACK_URL="http://a:80/")),
    )
    assert needs(facts) == {"a": ["b"], "b": []}


@pytest.mark.parametrize(
    ("name", "value", "port"),
    [
        ("URL", "http://wallet:7777/x", 7777),
        ("URL", "http://wallet/x", None),
        ("SERVERS", "other:1,wallet:2", 2),
        ("WALLET_HOST", "wallet", None),
        ("WALLET_HOST", "WALLET", None),
    ],
)
def test_value_that_names_a_service_is_a_reference(
    name: str, value: str, port: int | None
) -> None:
    target = service("wallet")
    caller = service("a", variables=variables(**{name: value}))
    (reference,) = references_to(target, caller)
    assert (reference.variable, reference.port) == (name, port)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "http://wallet.example/"),
        ("URL", "http://[bad"),
        ("TITLE", "wallet"),
        ("TEXT", "the wallet: 1 of 2"),
        ("SERVERS", "mywallet:1"),
        ("WALLET_PASSWORD", "wallet:1"),
    ],
)
def test_value_that_names_no_service_is_no_reference(name: str, value: str) -> None:
    caller = service("a", variables=variables(**{name: value}))
    assert list(references_to(service("wallet"), caller)) == []


# --- secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RPC_PASSWORD", "opensesame"),
        ("RPCPASSWORD", "opensesame"),
        ("rpc_pass", "opensesame"),
        ("API_KEY", "opensesame"),
        ("WALLET_SEED", "opensesame"),
        ("DATABASE_URL", "postgres://u:opensesame@db/x"),
        ("DATABASE_URL", "postgres://u:open@sesame@db/x?p=opensesame"),
        ("HOOK", "https://u:opensesame@x/#a"),
    ],
)
def test_value_of_a_secret_is_not_kept(name: str, value: str) -> None:
    variable = read_variable(name, value)
    assert variable.is_secret
    assert "sesame" not in repr(variable)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RPC_PASSWORD_FILE", "/run/secrets/x"),
        ("RPC_USER", "bchrpc"),
        ("RPC_PASSWORD", ""),
        ("KEYBOARD", "us"),
        ("URL", "http://electron-cash:7777/"),
    ],
)
def test_value_that_is_no_secret_is_kept(name: str, value: str) -> None:
    assert read_variable(name, value) == (name, value, False)


def test_query_of_an_address_is_not_kept() -> None:
    assert "sesame" not in repr(read_variable("URL", "http://a/?key=opensesame"))


# --- the whole proposal


def test_pair_is_proposed_with_its_dependency() -> None:
    proposal = propose_setup(stack())
    daemon, dependent = proposal.targets
    assert isinstance(daemon.probe, WalletTarget)
    assert daemon.probe.secret == "sidecar_rpcpassword"
    assert isinstance(dependent.probe, HttpTarget)
    assert dependent.probe.address.url("x") == "http://x:8080/health"
    assert [e.name for e in dependent.depends_on] == ["electron-cash"]
    assert proposal.unwatched == ()
    assert proposal.networks == ("default",)


def test_two_wallets_have_two_secrets() -> None:
    proposal = propose_setup(stack(wallet(), wallet(name="ec2")))
    assert proposal.secrets == (
        "sidecar_rpcpassword_electron-cash",
        "sidecar_rpcpassword_ec2",
    )


def test_dependent_without_http_is_watched_by_its_own_health_check() -> None:
    worker = service(
        "worker",
        depends_on=("electron-cash",),
        health_check=HealthCheckFacts("/app/check"),
    )
    _, target = propose_setup(stack(wallet(), worker)).targets
    assert isinstance(target.probe, NativeTarget)


def test_sidecar_itself_and_a_database_are_not_watched() -> None:
    database = service("db", exposed_ports=(5432,))
    proposal = propose_setup(stack(wallet(), database, sidecar_service()))
    assert [t.service.name for t in proposal.targets] == ["electron-cash"]
    assert [name for name, _ in proposal.unwatched] == ["db"]


def test_sidecar_gets_a_network_of_each_target() -> None:
    proposal = propose_setup(
        stack(
            wallet(networks=frozenset({"back"})),
            payment_service(networks=frozenset({"back", "front"})),
            service("web", exposed_ports=(80,), networks=frozenset({"front"})),
        )
    )
    assert proposal.networks == ("back", "front")


def test_passwords_in_plain_environments_are_named_without_their_values() -> None:
    daemon = wallet(variables=variables(RPC_PASSWORD="opensesame"))
    caller = payment_service(
        variables=variables(W="http://electron-cash:1/", WALLET_PASSWORD="opensesame")
    )
    other = service("db", variables=variables(POSTGRES_PASSWORD="opensesame"))
    proposal = propose_setup(stack(daemon, caller, other))
    assert proposal.hazards == (
        ("electron-cash", "RPC_PASSWORD"),
        ("bitcoincash-service", "WALLET_PASSWORD"),
    )
    assert "opensesame" not in repr(proposal)
