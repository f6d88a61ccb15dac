"""Configuration files for tests, and the problems that loading them reports."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sidecar.config.load import load
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.settings import Settings

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

WHOLE = """
stack: oratio
mode: act
language: en
defaults:
  {interval: 5s, fast_interval: 2s, timeout: 10s, start_period: 60s,
   failure_threshold: 3, success_threshold: 2}
targets:
  electron-cash:
    service: electron-cash
    probe:
      type: electron_cash
      url: http://electron-cash:7777/
      username: bchrpc
      password_file: {secrets}/password
      load_wallet: true
      hang_after: 45s
      upstream_grace: 10m
    restart: {budget: 3, window: 15m, backoff: 10s, backoff_max: 5m, stop_timeout: 30s,
              dead_stop_timeout: 5s, recovery_timeout: 2m,
              slow_lane: [10m, 20m, 40m, 80m, 160m], graceful_rpc_stop: true}
    rolling: {drain: 0s, pause: 30s}
    preventive: {cron: "0 3 * * *", timezone: Asia/Seoul, jitter: 5m,
                 skip_if_restarted_within: 6h, before_limit: false}
    busy: {url: http://bitcoincash-service:8080/busy, max_wait: 10m}
    backup: {path: /root/.electron-cash/wallets/default_wallet, cron: "30 2 * * *",
             timezone: Asia/Seoul, keep: 30, recipients: [RECIPIENT],
             offsite: {url: "https://dav.example/wallets/", username: sidecar,
                       password_file: SECRETS/dav_password}}
    objective: {detect: 60s, recover: 3m}
    drill: {cron: "0 5 * * 1", timezone: Asia/Seoul, fault: kill}
    severity: P1
  bitcoincash-service:
    depends_on: [electron-cash]
    after_dependency: if_failing
    settle: 30s
    probe: {type: http, url: "http://bitcoincash-service:8080/health",
            expect_status: [200]}
maintenance:
  windows: [{cron: "0 4 * * 0", duration: 30m, targets: [bitcoincash-service]}]
  retention: 90d
notify:
  channels: {ops: {url_file: SECRETS/telegram_url}, phone: {url: "tgram://bot-key/42"}}
  routes: {P0: [phone, ops], P1: [ops], P2: [ops], P3: []}
  escalate_after: {P0: 5m, P1: 15m, P2: 2h}
  repeat: 1h
  heartbeat: {url: "https://beat.example/9f3c", interval: 1m}
hooks:
  - {on: opened, severity: P0, post: http://bitcoincash-service:8080/pause}
  - {on: resolved, severity: P0, post: http://bitcoincash-service:8080/resume}
cluster: {redis_url_file: SECRETS/redis_url, quorum: 1}
balancer: {agent_listen: "0.0.0.0:9788"}
""".replace("{secrets}", "SECRETS").replace("RECIPIENT", RECIPIENT)

SECRETS = {
    "password": "hunter2",
    "telegram_url": "tgram://other-key/1",
    "dav_password": "dav-password",
    "redis_url": "redis://:redispw@redis/0",
}


def write_whole_config(folder: Path) -> str:
    """The whole contract, its secrets' files in ``folder``."""
    for name, value in SECRETS.items():
        (folder / name).write_text(value + "\n")
    return WHOLE.replace("SECRETS", str(folder))


def load_text(
    text: str, folder: Path, environ: Mapping[str, str] | None = None
) -> Settings:
    file = folder / "sidecar.yaml"
    file.write_text(text)
    return load(environ or {}, file)


def faults_of(
    text: str, folder: Path, environ: Mapping[str, str] | None = None
) -> dict[str, ConfigProblem]:
    """Problems by path; fails where the configuration loads."""
    with pytest.raises(ConfigError) as caught:
        load_text(text, folder, environ)
    faults = caught.value.faults
    assert str(caught.value).splitlines() == [fault.line for fault in faults]
    return {fault.path: fault for fault in faults}


def target_faults_of(target: str, folder: Path) -> dict[str, ConfigProblem]:
    """The faults of one target ``t`` with a docker probe and more, as YAML flow."""
    text = f"targets: {{t: {{probe: {{type: docker}}, {target}}}}}"
    return faults_of(text, folder)
