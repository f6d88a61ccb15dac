"""Sources of the settings, and their precedence."""

import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sidecar.config.environment import KNOWN
from sidecar.config.file.schema import schema
from sidecar.config.load import load
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.core.model.backup_settings import BackupSettings, OffsiteSettings
from sidecar.core.model.cause import Severity
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective, DrillPlan
from sidecar.core.model.lease import ClusterSettings
from sidecar.core.model.page_access import PageAccess
from sidecar.core.model.probe_settings import Credentials, ElectronCashProbe, HttpProbe
from sidecar.core.model.target import (
    BusySettings,
    Mode,
    PlannedRestartSettings,
    ProbeSchedule,
    RestartSettings,
    Target,
)
from tests.support.config_files import (
    RECIPIENT,
    WHOLE,
    faults_of,
    load_text,
    write_whole_config,
)
from tests.support.environment_variables import EVERY_VARIABLE
from tests.support.repository import REPOSITORY

ROOT = REPOSITORY


def env_faults(environ: dict[str, str]) -> dict[str, ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        load(environ, None)
    return {fault.path: fault for fault in caught.value.faults}


def test_environment_alone_configures_wallet_and_service() -> None:
    settings = load(
        {
            "ELECTRON_CASH_USER": "bchrpc",
            "ELECTRON_CASH_PASSWORD": "hunter2",
            "BCH_SERVICE_URL": "http://bitcoincash-service:8080/health",
        },
        None,
    )
    wallet, service = settings.targets
    assert wallet == Target(
        "electron-cash",
        service="electron-cash",
        probes=(
            ElectronCashProbe(
                "http://electron-cash:7777/",
                credentials=Credentials("bchrpc", "hunter2"),
            ),
        ),
    )
    assert service == Target(
        "bitcoincash-service",
        service="bitcoincash-service",
        probes=(HttpProbe("http://bitcoincash-service:8080/health"),),
        depends_on=("electron-cash",),
    )
    assert settings.secrets == ("hunter2",)


def test_every_variable_sets_its_setting() -> None:
    secrets = {"ELECTRON_CASH_PASSWORD", "ELECTRON_CASH_WALLET_PASSWORD"}
    files = {f"{name}_FILE" for name in secrets | {"SIDECAR_API_TOKEN"}}
    assert set(KNOWN) == EVERY_VARIABLE.keys() | files
    settings = load(EVERY_VARIABLE, None)
    wallet, service = settings.targets
    assert (wallet.name, wallet.service) == ("wallet", "wallet")
    assert wallet.probes == (
        ElectronCashProbe(
            "http://10.0.0.7:7777/",
            credentials=Credentials("bchrpc", "hunter2"),
            wallet_password="open sesame",
        ),
    )
    assert (service.name, service.service) == ("payments", "payments")
    assert service.probes == (HttpProbe("http://10.0.0.8:8080/health"),)
    assert (settings.stack, settings.mode) == ("oratio", Mode.OBSERVE)
    assert settings.has_engine
    assert settings.host_name == "pay-1"
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 1234)
    assert settings.state_dir == Path("/srv/state")
    assert settings.api_token == "t0ken"
    assert (settings.log_level, settings.log_format) == ("debug", "text")
    assert (settings.language, settings.watch_label) == ("ko", "autoheal")
    assert settings.page is PageAccess.PUBLIC


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "WARNING"])
def test_log_level_is_accepted_in_any_case(level: str) -> None:
    assert load({"SIDECAR_LOG_LEVEL": level}, None).log_level == level.lower()


def test_no_variable_at_all_watches_the_wallet_with_every_default() -> None:
    settings = load({}, None)
    assert [t.name for t in settings.targets] == ["electron-cash"]
    assert (settings.stack, settings.mode, settings.language) == (None, Mode.ACT, "en")
    assert (settings.listen_host, settings.listen_port) == ("0.0.0.0", 9787)
    assert settings.state_dir == Path("/var/lib/sidecar")
    assert (settings.log_level, settings.log_format) == ("info", None)
    assert settings.api_token is None
    assert settings.page is PageAccess.PRIVATE
    assert settings.watch_label is None
    assert settings.warnings == ()


def test_a_watch_label_alone_watches_no_wallet() -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    assert settings.targets == ()
    assert settings.watch_label == "autoheal"


def test_empty_variables_are_ignored() -> None:
    assert load({"BCH_SERVICE_URL": "", "SIDECAR_MODE": ""}, None).mode is Mode.ACT


def test_target_name_may_differ_from_the_host_of_its_url() -> None:
    settings = load(
        {
            "ELECTRON_CASH_URL": "http://10.0.0.7:7777/",
            "ELECTRON_CASH_TARGET": "wallet",
            "BCH_SERVICE_URL": "http://gateway:80/",
            "BCH_SERVICE_TARGET": "payments",
        },
        None,
    )
    assert [(t.name, t.service) for t in settings.targets] == [
        ("wallet", "wallet"),
        ("payments", "payments"),
    ]
    assert settings.targets[1].depends_on == ("wallet",)


def test_url_with_an_ip_address_needs_the_name_of_the_target() -> None:
    faults = env_faults({"ELECTRON_CASH_URL": "http://10.0.0.7:7777/"})
    assert "ELECTRON_CASH_TARGET" in faults


def test_faults_of_the_environment_name_the_variable() -> None:
    faults = env_faults(
        {
            "SIDECAR_MODE": "acting",
            "SIDECAR_LANGUAGE": "de",
            "SIDECAR_PAGE": "hidden",
            "SIDECAR_LISTEN": "9787",
            "SIDECAR_LOG_LEVEL": "loud",
            "SIDECAR_LOG_FORMAT": "xml",
            "SIDECAR_STACK": "My Stack",
            "SIDECAR_STATEDIR": "/x",
            "ELECTRON_CASH_URL": "ftp://electron-cash/",
            "ELECTRON_CASH_USER": "bchrpc",
            "ELECTRON_CASH_PASSWROD": "hunter2",
            "BCH_SERVICE_TARGET": "payments",
            "BCH_SERVICE_TAGRET": "payments",
        }
    )
    assert set(faults) == {
        "SIDECAR_MODE",
        "SIDECAR_LANGUAGE",
        "SIDECAR_PAGE",
        "SIDECAR_LISTEN",
        "SIDECAR_LOG_LEVEL",
        "SIDECAR_LOG_FORMAT",
        "SIDECAR_STACK",
        "SIDECAR_STATEDIR",
        "ELECTRON_CASH_URL",
        "ELECTRON_CASH_PASSWORD",
        "ELECTRON_CASH_PASSWROD",
        "BCH_SERVICE_URL",
        "BCH_SERVICE_TAGRET",
    }
    assert faults["BCH_SERVICE_TAGRET"].allowed == "BCH_SERVICE_URL, BCH_SERVICE_TARGET"
    assert faults["SIDECAR_STATEDIR"].hint == "did you mean SIDECAR_STATE_DIR?"
    assert faults["SIDECAR_MODE"].allowed == "act, observe"
    assert not any("hunter2" in fault.line for fault in faults.values())


def test_fault_of_the_service_url_names_its_variable() -> None:
    assert set(env_faults({"BCH_SERVICE_URL": "ftp://gateway/"})) == {"BCH_SERVICE_URL"}


def test_unrelated_variables_with_our_prefix_are_ignored() -> None:
    load({"SIDECAR_PORT_9787_TCP_ADDR": "10.0.0.1", "ELECTRON_CASH_VERSION": "4"}, None)


def test_a_service_cannot_be_its_own_wallet() -> None:
    faults = env_faults({"BCH_SERVICE_URL": "http://electron-cash:8080/"})
    assert set(faults) == {"BCH_SERVICE_TARGET"}


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    (tmp_path / "wallet").write_text("open sesame\r\n")
    (tmp_path / "token").write_text("t0ken")
    settings = load(
        {
            "ELECTRON_CASH_USER": "u",
            "ELECTRON_CASH_PASSWORD_FILE": str(tmp_path / "pw"),
            "ELECTRON_CASH_WALLET_PASSWORD_FILE": str(tmp_path / "wallet"),
            "SIDECAR_API_TOKEN_FILE": str(tmp_path / "token"),
        },
        None,
    )
    wallet = settings.targets[0].wallet
    assert wallet is not None
    assert wallet.credentials == Credentials("u", "hunter2")
    assert wallet.wallet_password == "open sesame"
    assert settings.api_token == "t0ken"
    assert set(settings.secrets) == {"hunter2", "open sesame", "t0ken"}
    assert not any(secret in repr(settings) for secret in settings.secrets)


def test_bad_secret_files_are_faults(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    faults = env_faults(
        {
            "ELECTRON_CASH_USER": "u",
            "ELECTRON_CASH_PASSWORD_FILE": str(tmp_path / "nowhere"),
            "ELECTRON_CASH_WALLET_PASSWORD": "a",
            "ELECTRON_CASH_WALLET_PASSWORD_FILE": "b",
            "SIDECAR_API_TOKEN_FILE": str(tmp_path / "empty"),
        }
    )
    assert set(faults) == {
        "ELECTRON_CASH_PASSWORD_FILE",
        "ELECTRON_CASH_WALLET_PASSWORD",
        "SIDECAR_API_TOKEN_FILE",
    }
    assert "No such file" in faults["ELECTRON_CASH_PASSWORD_FILE"].actual
    assert "one of the two" in faults["ELECTRON_CASH_WALLET_PASSWORD"].allowed


def test_check_without_secrets_needs_none_of_their_files(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(WHOLE.replace("SECRETS", "/nowhere"))
    environ = {"SIDECAR_API_TOKEN_FILE": "/nowhere/token"}
    with pytest.raises(ConfigError) as caught:
        load(environ, file)
    assert "SIDECAR_API_TOKEN_FILE" in str(caught.value)

    settings = load(environ, file, reads_secrets=False)

    assert len(settings.notify.channels) == 2
    assert not any("shorter than" in warning for warning in settings.warnings)


def test_check_without_secrets_still_reports_other_faults(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yaml"
    text = WHOLE.replace("SECRETS", "/nowhere").replace("username: bchrpc", "")
    file.write_text(text.replace("mode: act", "mode: dance"))
    with pytest.raises(ConfigError) as caught:
        load({}, file, reads_secrets=False)
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {"mode", "targets.electron-cash.probe.username"}


def test_file_with_every_setting_is_accepted(tmp_path: Path) -> None:
    settings = load_text(write_whole_config(tmp_path), tmp_path)
    wallet, service = settings.targets
    assert settings.stack == "oratio"
    assert wallet.wallet == ElectronCashProbe(
        "http://electron-cash:7777/", credentials=Credentials("bchrpc", "hunter2")
    )
    assert wallet.restart == RestartSettings()
    assert wallet.cadence == ProbeSchedule()
    assert wallet.preventive == PlannedRestartSettings(
        "0 3 * * *", "Asia/Seoul", 300.0, 21600.0
    )
    assert wallet.backup == BackupSettings(
        ("/root/.electron-cash/wallets/default_wallet",),
        "30 2 * * *",
        "Asia/Seoul",
        30,
        (RECIPIENT,),
        OffsiteSettings(
            "https://dav.example/wallets/", username="sidecar", password="dav-password"
        ),
    )
    assert wallet.objective == DrillObjective()
    assert wallet.drill == DrillPlan("0 5 * * 1", DrillFault.KILL, "Asia/Seoul")
    assert wallet.severity is Severity.P1
    assert wallet.busy == BusySettings(
        "http://bitcoincash-service:8080/busy", max_wait_s=600.0
    )
    assert service.depends_on == ("electron-cash",)
    assert settings.cluster == ClusterSettings("redis://:redispw@redis/0")
    assert {line.split(":")[0] for line in settings.warnings} == {
        "targets.electron-cash.probe.password_file",
    }
    assert set(settings.secrets) == {
        "hunter2",
        "tgram://other-key/1",
        "tgram://bot-key/42",
        "https://beat.example/9f3c",
        "redis://:redispw@redis/0",
        "redispw",
        "https://dav.example/wallets/",
        "dav-password",
    }


def test_defaults_apply_where_a_target_sets_no_value(tmp_path: Path) -> None:
    settings = load_text(
        """
        defaults: {interval: 30s, timeout: 3s, failure_threshold: 5}
        targets:
          a: {probe: {type: tcp, host: a, port: 1}}
          b: {probe: [{type: docker, timeout: 4s}], interval: 20s}
        """,
        tmp_path,
    )
    a, b = settings.targets
    assert (a.cadence.interval_s, a.probes[0].timeout_s) == (30.0, 3.0)
    assert (b.cadence.interval_s, b.probes[0].timeout_s) == (20.0, 4.0)
    assert b.cadence.failure_threshold == 5


def test_host_name_comes_from_file_or_environment(tmp_path: Path) -> None:
    assert load({}, None).host_name is None
    assert load_text("{host_name: pay-1.example}", tmp_path).host_name == (
        "pay-1.example"
    )
    assert "host_name" in faults_of("{host_name: 'a b'}", tmp_path)
    fault = env_faults({"SIDECAR_HOST_NAME": "@everyone"})
    assert "SIDECAR_HOST_NAME" in fault


@pytest.mark.parametrize("access", PageAccess)
def test_page_comes_from_file_or_environment(
    access: PageAccess, tmp_path: Path
) -> None:
    """``off`` without quotes is a text, as everywhere in the file."""
    assert load_text(f"{{page: {access}}}", tmp_path).page is access
    assert load({"SIDECAR_PAGE": access}, None).page is access
    assert faults_of("{page: no}", tmp_path)["page"].allowed == "off, private, public"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environ = {"SIDECAR_MODE": "observe", "SIDECAR_STACK": "other"}
    settings = load_text("{stack: mine, mode: act, language: ko}", tmp_path, environ)
    assert (settings.stack, settings.mode) == ("other", Mode.OBSERVE)
    assert settings.language == "ko"
    assert settings.sources["mode"] == "environment SIDECAR_MODE"
    assert settings.sources["language"].startswith("file ")


def test_targets_of_file_replace_those_of_environment_with_warning(
    tmp_path: Path,
) -> None:
    text = "targets: {a: {probe: {type: docker}}}"
    environ = {"ELECTRON_CASH_USER": "u", "ELECTRON_CASH_URL": "http://x:1/"}
    settings = load_text(text, tmp_path, environ)
    assert [t.name for t in settings.targets] == ["a"]
    (warning,) = (line for line in settings.warnings if "ELECTRON_CASH" in line)
    assert warning.startswith("ELECTRON_CASH_URL, ELECTRON_CASH_USER: not used")


def test_the_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stack: mine")
    settings = load({"SIDECAR_CONFIG": str(tmp_path / "a.yaml")}, None)
    assert settings.stack == "mine"


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_fault(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file to read"):
        load({}, tmp_path / name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hello\n", "a single value"),
        ("root:x:0:0:root:/root:/bin/sh\n", "a single value"),
        ("7\n", "a single value"),
        ("- targets: {}\n", "a list"),
    ],
)
def test_a_file_that_has_no_keys_is_refused(
    tmp_path: Path, text: str, found: str
) -> None:
    (tmp_path / "sidecar.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load({}, tmp_path / "sidecar.yaml")
    (fault,) = caught.value.faults
    assert (fault.path, fault.actual) == (str(tmp_path / "sidecar.yaml"), found)


def test_empty_file_has_no_targets_and_a_warning(tmp_path: Path) -> None:
    settings = load_text("# nothing yet\n", tmp_path)
    assert settings.targets == ()
    assert any(line.startswith("targets:") for line in settings.warnings)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [1, 2\nb: 3", "sidecar.yaml:2"),
        ("mode: act\nstack: a\nmode: act", "sidecar.yaml:3"),
        ("mode: !!python/object:os.system x", "sidecar.yaml:1"),
        ("mode: *nobody", "sidecar.yaml:1"),
        ("stack: " + "[" * 200_000, "sidecar.yaml:1"),
    ],
    ids=["syntax", "duplicate", "tag", "alias", "brackets"],
)
def test_faults_of_the_text_name_the_line(
    text: str, where: str, tmp_path: Path
) -> None:
    assert any(where in path for path in faults_of(text, tmp_path))


def test_anchors_that_unfold_without_end_are_refused(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    faults_of("\n".join(rows), tmp_path)
    faults_of("a: &a {b: *a}", tmp_path)


def test_words_that_yaml_1_1_would_convert_stay_text(
    tmp_path: Path,
) -> None:
    """``on`` is a key of hooks, and 12:30 is no number."""
    faults = faults_of("{mode: on, stack: 12:30, language: 2026-01-02}", tmp_path)
    assert faults["mode"].actual == "'on'"
    assert faults["stack"].actual == "'12:30'"
    assert faults["language"].actual == "'2026-01-02'"


def test_merge_keys_are_applied(tmp_path: Path) -> None:
    settings = load_text(
        """
        targets:
          a: &a {probe: {type: docker}, interval: 20s}
          b: {<<: *a, interval: 40s}
        """,
        tmp_path,
    )
    assert [t.cadence.interval_s for t in settings.targets] == [20.0, 40.0]


def test_a_good_file_loads_without_the_heavy_validator(tmp_path: Path) -> None:
    (tmp_path / "sidecar.yaml").write_text(write_whole_config(tmp_path))
    code = (
        "import sys; from pathlib import Path; from sidecar.config import labels, show;"
        "from sidecar.config.load import load;"
        f"load({{}}, Path({str(tmp_path / 'sidecar.yaml')!r}));"
        "print('jsonschema' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert process.stdout.strip() == "False"


def test_one_status_may_be_written_without_a_list(tmp_path: Path) -> None:
    text = (
        "targets: {{a: {{probe: {{type: http, url: http://a/, expect_status: {}}}}}}}"
    )
    single_status = load_text(text.format("204"), tmp_path).targets[0].probes[0]
    two_statuses = load_text(text.format("[200, 204]"), tmp_path).targets[0].probes[0]
    assert single_status == HttpProbe("http://a/", expect_status=(204,))
    assert two_statuses == HttpProbe("http://a/", expect_status=(200, 204))
    fault = faults_of(text.format("20"), tmp_path)["targets.a.probe.expect_status"]
    assert "from 100 to 599" in fault.allowed
    fault = faults_of(text.format("[204, 20]"), tmp_path)[
        "targets.a.probe.expect_status[1]"
    ]
    assert fault.actual == "20"


CHAINED = """
x-base: &base {interval: 30s, start_period: 90s}
x-quick: &quick
  <<: *base
  interval: 20s
x-both: &both
  <<: [*quick, *base]
  start_period: 70s
targets:
  a:
    <<: *both
    probe: {type: docker}
    interval: 10s
  b:
    <<: *quick
    probe: {type: docker}
  c:
    <<: *both
    probe: {type: docker}
"""


def test_merge_keys_may_be_chained_and_own_keys_win(tmp_path: Path) -> None:
    cadences = {
        target.name: (target.cadence.interval_s, target.cadence.start_period_s)
        for target in load_text(CHAINED, tmp_path).targets
    }
    assert cadences == {"a": (10.0, 70.0), "b": (20.0, 90.0), "c": (20.0, 70.0)}


@pytest.mark.parametrize(
    "text",
    [
        "{mode: act, mode: act}",
        "x-a: &a {mode: act}\nmode: act\n<<: *a\nmode: act",
        "x-a: &a {interval: 1s, interval: 2s}\ndefaults: {<<: *a}",
    ],
)
def test_a_key_that_was_written_twice_is_refused_beside_merges(
    text: str, tmp_path: Path
) -> None:
    (fault,) = faults_of(text, tmp_path).values()
    assert "is there twice" in fault.actual


def test_extension_keys_at_the_top_are_ignored(tmp_path: Path) -> None:
    text = "{x-note: [1, {a: null}], x-: 5, mode: observe}"
    settings = load_text(text, tmp_path)
    assert settings.mode is Mode.OBSERVE
    assert set(settings.sources) == {"mode"}
    below = faults_of("targets: {a: {probe: {type: docker}, x-note: 1}}", tmp_path)
    assert set(below) == {"targets.a.x-note"}
    assert set(faults_of("{x_note: 1}", tmp_path)) == {"x_note"}


def test_the_schema_allows_extensions_at_the_top() -> None:
    valid = Draft202012Validator(schema()).is_valid
    assert valid({"x-note": 1, "mode": "act"})
    assert not valid({"y-note": 1})


def test_merges_that_grow_exponentially_are_refused(
    tmp_path: Path,
) -> None:
    rows = ["x-0: &a0 {interval: 20s}"]
    rows += [f"x-{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    rows.append("defaults: {<<: *a39}")
    with pytest.raises(ConfigError, match="merges unfold to more than 200000"):
        load_text("\n".join(rows), tmp_path)


def test_unused_variable_of_a_mounted_file_gives_no_warning(
    tmp_path: Path,
) -> None:
    file = "targets: {a: {probe: {type: docker}}}"
    mounted = {"ELECTRON_CASH_PASSWORD_FILE": "/run/secrets/x", "BCH_SERVICE_URL": ""}
    assert load_text(file, tmp_path, mounted).warnings == ()
    (warning,) = load_text(file, tmp_path, {"ELECTRON_CASH_USER": "u"}).warnings
    assert warning.startswith("ELECTRON_CASH_USER: not used")
