"""Checks of ``doctor``: each hazard found, not found, and not judged."""

import re

import pytest

from sidecar.core.setup.hazards.diagnosis import diagnose
from sidecar.core.setup.hazards.hazard import (
    LANGUAGES,
    UNKNOWN_TEXTS,
    Finding,
    HazardRule,
    Unjudged,
    Unknown,
)
from sidecar.core.setup.hazards.table import HAZARDS
from sidecar.core.setup.hazards.wallet_checks import find_harm
from sidecar.core.setup.stack_facts import (
    DiskFacts,
    HealthCheckFacts,
    Mount,
    MountKind,
    PublishedPort,
    ServiceFacts,
    SocketFacts,
    StackFacts,
)
from tests.support.repository import REPOSITORY
from tests.support.stack_facts import (
    DAEMON,
    NAMED,
    check,
    payment_service,
    service,
    sidecar_service,
    stack,
    variables,
    wallet,
)

SOCKET = SocketFacts("/var/run/docker.sock", 999, may_use=True)
ANONYMOUS = Mount(MountKind.VOLUME, "/data", "0" * 64, is_anonymous=True)
BIND = Mount(MountKind.BIND, "/data", "/srv/wallet")
TMPFS = Mount(MountKind.TMPFS, "/data")
UNRELATED = Mount(MountKind.VOLUME, "/logs", "logs")
ROOMY, SCARCE = DiskFacts("/a", 500 * 10**9, 10**12), DiskFacts("/b", 9 * 10**9, 10**12)

GOOD = stack(socket=SOCKET, clock_ahead_s=0.2, disks=(ROOMY,))
"""A stack in which all is known and nothing is wrong."""


def with_wallet(**changes: object) -> StackFacts:
    return stack(wallet(**changes), payment_service(), sidecar_service())


def with_sidecar(**changes: object) -> StackFacts:
    sidecar = sidecar_service(**changes)
    return stack(wallet(), payment_service(), sidecar, socket=SOCKET)


CASES: list[tuple[str, str, StackFacts]] = [
    ("wallet_not_on_volume", "no mount", with_wallet(mounts=())),
    ("wallet_not_on_volume", "a mount elsewhere", with_wallet(mounts=(UNRELATED,))),
    ("wallet_not_on_volume", "memory", with_wallet(mounts=(UNRELATED, TMPFS))),
    (
        "rpc_published",
        "all addresses",
        with_wallet(published_ports=(PublishedPort(7777, "", 7777),)),
    ),
    (
        "rpc_published",
        "IPv6",
        with_wallet(published_ports=(PublishedPort(7777, "::", 1),)),
    ),
    ("no_shared_network", "wallet", with_wallet(networks=frozenset({"back"}))),
    ("no_shared_network", "Sidecar", with_sidecar(networks=frozenset({"back"}))),
    ("wrong_socket_group", "another number", with_sidecar(group_ids=("998",))),
    ("wrong_socket_group", "no group", with_sidecar(group_ids=())),
    ("wrong_socket_group", "no access", stack(socket=SOCKET._replace(may_use=False))),
    ("crash_loop_policy", "restarting", with_wallet(status="restarting")),
    ("crash_loop_policy", "short run", with_wallet(restart_count=3, run_s=59.0)),
    ("disk_nearly_full", "large", stack(disks=(ROOMY, SCARCE))),
    ("disk_nearly_full", "small", stack(disks=(DiskFacts("/a", 9, 100),))),
    (
        "harmful_health_check",
        "nc",
        with_wallet(health_check=HealthCheckFacts("nc -z localhost 7777")),
    ),
    (
        "ignores_sigterm",
        "by /proc",
        with_wallet(
            processes=("sh run.sh", DAEMON), has_init=False, catches_sigterm=False
        ),
    ),
    ("ignores_sigterm", "the daemon", with_wallet(processes=(DAEMON,), has_init=None)),
    (
        "password_in_environment",
        "wallet",
        with_wallet(variables=variables(RPC_PASSWORD="opensesame")),
    ),
    ("anonymous_volume", "of the image", with_wallet(mounts=(ANONYMOUS,))),
    ("clock_differs", "ahead", stack(clock_ahead_s=5.1)),
    ("clock_differs", "behind", stack(clock_ahead_s=-3600.0)),
    (
        "unknown_time_zone",
        "misspelt",
        with_wallet(time_zone="Asia/Soul", is_known_zone=False),
    ),
    (
        "different_time_zones",
        "of two",
        stack(
            wallet(time_zone="Asia/Seoul", is_known_zone=True),
            payment_service(time_zone="UTC", is_known_zone=True),
        ),
    ),
    (
        "no_init",
        "another PID 1",
        with_wallet(processes=("sh run.sh", DAEMON), has_init=None),
    ),
    ("no_init", "stopped", with_wallet(processes=None, has_init=False)),
    ("no_memory_limit", "wallet", with_wallet(memory_limit_bytes=0)),
]


@pytest.mark.parametrize(
    ("code", "_", "facts"), CASES, ids=[f"{c} {n}" for c, n, _ in CASES]
)
def test_hazard_is_found(code: str, _: str, facts: StackFacts) -> None:
    findings = [result for result in check(code, facts) if isinstance(result, Finding)]
    assert findings
    assert all(
        stack_name in {s.name for s in facts.services} | {""}
        for stack_name, _ in findings
    )


def test_every_hazard_has_a_case() -> None:
    assert {code for code, _, _ in CASES} == {rule.code for rule in HAZARDS}


def test_stack_without_a_hazard_has_no_finding_and_nothing_unjudged() -> None:
    diagnosis = diagnose(GOOD, "en")
    assert (diagnosis.hazards, diagnosis.unjudged) == ((), ())
    assert diagnosis.checked == len(HAZARDS)


HARMLESS: list[tuple[str, StackFacts]] = [
    ("disk_nearly_full", stack(disks=(DiskFacts("/a", 11, 100),))),
    ("disk_nearly_full", stack(disks=(DiskFacts("/a", 11 * 10**9, 10**12),))),
    ("wallet_not_on_volume", with_wallet(mounts=(BIND,))),
    (
        "wallet_not_on_volume",
        with_wallet(mounts=(TMPFS._replace(destination="/"), NAMED)),
    ),
    ("wallet_not_on_volume", with_wallet(mounts=(NAMED._replace(destination="/"),))),
    (
        "rpc_published",
        with_wallet(published_ports=(PublishedPort(7777, "127.0.0.1", 7777),)),
    ),
    ("rpc_published", with_wallet(published_ports=(PublishedPort(7778, "", 7778),))),
    (
        "no_shared_network",
        with_sidecar(network_mode="host", networks=frozenset({"host"})),
    ),
    ("no_shared_network", with_sidecar(networks=frozenset({"default", "back"}))),
    ("wrong_socket_group", with_sidecar(user="root", group_ids=())),
    ("wrong_socket_group", with_sidecar(user="10001:999", group_ids=())),
    ("wrong_socket_group", with_sidecar(mounts=(), group_ids=())),
    ("crash_loop_policy", with_wallet(restart_count=50, run_s=3600.0)),
    ("crash_loop_policy", with_wallet(restart_policy="no", status="restarting")),
    (
        "ignores_sigterm",
        with_wallet(stop_signal="SIGINT", processes=(DAEMON,), has_init=None),
    ),
    (
        "ignores_sigterm",
        with_wallet(has_init=None, processes=("/usr/bin/tini -- x", DAEMON)),
    ),
    (
        "ignores_sigterm",
        with_wallet(has_init=False, processes=("sh",), catches_sigterm=True),
    ),
    (
        "no_init",
        with_wallet(has_init=None, processes=("/sbin/docker-init -- x", DAEMON)),
    ),
    (
        "password_in_environment",
        with_wallet(variables=variables(RPC_PASSWORD_FILE="/x")),
    ),
    ("no_memory_limit", with_wallet(memory_limit_bytes=None)),
    ("clock_differs", stack(clock_ahead_s=-4.9)),
    ("different_time_zones", stack(wallet(time_zone="UTC", is_known_zone=True))),
]


@pytest.mark.parametrize(("code", "facts"), HARMLESS)
def test_harmless_case_is_not_found(code: str, facts: StackFacts) -> None:
    assert [r for r in check(code, facts) if isinstance(r, Finding)] == []


UNKNOWNS: list[tuple[str, StackFacts, Unknown]] = [
    ("wallet_not_on_volume", stack(service("db")), Unknown.NO_WALLET),
    (
        "wallet_not_on_volume",
        with_wallet(processes=None, mounts=(UNRELATED,)),
        Unknown.NO_DATA_FOLDER,
    ),
    ("wallet_not_on_volume", with_wallet(mounts=None), Unknown.NO_DATA_FOLDER),
    ("no_shared_network", stack(wallet()), Unknown.NO_SIDECAR),
    ("wrong_socket_group", stack(), Unknown.NO_SOCKET),
    ("wrong_socket_group", stack(wallet(), socket=SOCKET), Unknown.NO_SIDECAR),
    ("wrong_socket_group", with_sidecar(group_ids=("docker",)), Unknown.NAMED_GROUP),
    (
        "ignores_sigterm",
        with_wallet(processes=("sh run.sh", DAEMON), has_init=None),
        Unknown.NO_SIGNALS,
    ),
    (
        "ignores_sigterm",
        with_wallet(processes=None, has_init=None),
        Unknown.NO_PROCESSES,
    ),
    ("no_init", with_wallet(processes=None, has_init=None), Unknown.NO_PROCESSES),
    ("clock_differs", stack(), Unknown.NO_CLOCK),
    ("disk_nearly_full", stack(), Unknown.NO_DISK),
]


@pytest.mark.parametrize(("code", "facts", "why"), UNKNOWNS)
def test_check_without_the_facts_is_unjudged_and_no_hazard(
    code: str, facts: StackFacts, why: Unknown
) -> None:
    results = check(code, facts)
    assert [r.why for r in results if isinstance(r, Unjudged)] == [why]
    assert not [r for r in results if isinstance(r, Finding)]


@pytest.mark.parametrize("code", ["no_init", "ignores_sigterm"])
def test_container_with_an_init_is_judged_although_it_does_not_run(code: str) -> None:
    assert check(code, with_wallet(has_init=True, processes=None)) == []


def test_every_reason_of_an_unjudged_check_has_a_case_and_its_texts() -> None:
    assert {why for _, _, why in UNKNOWNS} == set(Unknown) == UNKNOWN_TEXTS.keys()


@pytest.mark.parametrize(
    ("command", "harm"),
    [
        ("nc -z localhost 7777", "nc"),
        ("bash -c 'echo > /dev/tcp/localhost/7777'", "/dev/tcp/"),
        ("curl http://localhost:7777/", "curl without a time limit"),
        ("wget -qO- http://localhost:7777/", "wget without a time limit"),
        ("curl -m 5 http://localhost:7777/ -d createnewaddress", "createnewaddress"),
        ("electron-cash daemon status", "electron-cash"),
        ("curl --max-time 5 http://localhost:7777/", ""),
        ("wget -T 5 -qO- http://localhost:7777/", ""),
        ("python healthcheck.py --rpc http://localhost:7777/ --timeout 5", ""),
        ("pgrep -f wallet.py", ""),
    ],
)
def test_harm_of_a_health_check_is_named(command: str, harm: str) -> None:
    assert find_harm(command) == harm


# --- texts and documents


def samples(rule: HazardRule) -> list[Finding]:
    return [
        result
        for code, _, facts in CASES
        for result in check(code, facts)
        if code == rule.code and isinstance(result, Finding)
    ]


@pytest.mark.parametrize("rule", HAZARDS, ids=lambda rule: rule.code)
@pytest.mark.parametrize("language", LANGUAGES)
def test_hazard_has_its_texts_in_each_language(rule: HazardRule, language: str) -> None:
    for finding in samples(rule):
        reason = rule.reason.write(language, finding.values)
        advice = rule.advice.write(language, finding.values)
        line = rule.line.format_map(finding.values)
        assert reason
        assert advice
        assert line
        is_korean = re.search("[가-힣]", reason) and re.search("[가-힣]", advice)
        assert bool(is_korean) is (language == "ko")
        assert reason.endswith(".")
        assert advice.endswith(".")


@pytest.mark.parametrize("rule", HAZARDS, ids=lambda rule: rule.code)
def test_hazard_is_a_row_of_the_page(rule: HazardRule) -> None:
    page = (REPOSITORY / "docs/doctor.md").read_text()
    assert re.search(rf"^\| `{rule.code}` \| {rule.severity} \|", page, re.MULTILINE)


def test_page_has_no_row_of_an_unknown_hazard() -> None:
    page = (REPOSITORY / "docs/doctor.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| P", page, re.MULTILINE)
    assert rows == [rule.code for rule in HAZARDS]


def test_hazards_are_ordered_by_severity() -> None:
    severities = [rule.severity for rule in HAZARDS]
    assert severities == sorted(severities)


def test_texts_of_strangers_are_printable_and_bounded() -> None:
    odd = "/a\x1b[31m\nb\u202e" + "x" * 500
    facts = with_wallet(
        mounts=(),
        variables=variables(DATA_DIR=odd),
        processes=None,
        time_zone=odd,
        is_known_zone=False,
    )
    hazards = diagnose(facts, "en").hazards
    assert {"wallet_not_on_volume", "unknown_time_zone"} <= {h.code for h in hazards}
    for hazard in hazards:
        for text in (hazard.reason, hazard.line, hazard.service):
            assert text.isprintable()
            assert len(text) < 500


def test_no_secret_is_part_of_a_diagnosis() -> None:
    secret = "open-sesame"
    facts = stack(
        wallet(
            variables=variables(RPC_PASSWORD=secret),
            processes=(f"electron-cash -wp {secret} daemon",),
            has_init=None,
            health_check=HealthCheckFacts(f"curl -u a:{secret} http://localhost/"),
        )
    )
    diagnosis = diagnose(facts, "en")
    assert {"password_in_environment", "harmful_health_check"} <= {
        h.code for h in diagnosis.hazards
    }
    assert secret not in repr(diagnosis) + repr(facts)


def test_service_in_facts_shows_no_command() -> None:
    assert "sesame" not in repr(ServiceFacts("a", command=("x", "open-sesame")))
