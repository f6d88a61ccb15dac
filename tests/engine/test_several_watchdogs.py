"""Two watchdogs and a Redis in one stack: one acts, the other takes over."""

from functools import partial

import pytest

from tests.engine.harness import (
    SERVICE,
    WALLET,
    Json,
    Record,
    ServiceBox,
    SidecarBox,
    Stack,
    WebhookBox,
    pair_config,
)
from tests.support.daemon_stop import delay_news

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

# More than the time from beat to beat, a third of it, and what a busy machine adds.
LEASE_S = 12
MESSAGE_WAITS_S = 55.0
"""Nearly the minute for which a message waits."""

REDIS_PASSWORD = "pass-word-of-redis"
REDIS_URL = f"redis://:{REDIS_PASSWORD}@redis:6379/0"


def cluster_config() -> Json:
    settings = pair_config()
    settings["cluster"] = {
        "redis_url_file": "/run/secrets/redis_url",
        "lease": f"{LEASE_S}s",
    }
    settings["notify"] = {"channels": {"ops": {"url": "json://webhook:8090/ops"}}}
    return settings


def holds_lease(watcher: SidecarBox) -> bool:
    metrics = watcher.ask("GET", 9787, "/metrics").text
    return "\nsidecar_lease_held 1.0" in metrics


def sees_health(watcher: SidecarBox) -> bool:
    return watcher.states() == {WALLET: "healthy", SERVICE: "healthy"}


def restarts(stack: Stack) -> list[str]:
    return [line for line in stack.lifecycle_calls() if line.startswith("restart ")]


def break_service(
    stack: Stack,
    service: ServiceBox,
    watcher: SidecarBox,
    *,
    other: SidecarBox | None = None,
) -> None:
    """Let it fail until it is restarted; wait until it works and is seen so.

    The restart waits until the ``other`` watchdog has said that it leaves it alone.
    """
    before = len(restarts(stack))
    is_told = delay_news(stack, service)
    service.control("fail", {"reason": "broken by the test"})
    if other is not None:
        stack.wait_for("the other holds", lambda: holds_by_lease(other))
    is_told.set()
    stack.wait_for("a restart", lambda: len(restarts(stack)) > before, 150.0)
    stack.wait_for("it works", lambda: service.health() == 200)
    stack.wait_for("it is seen", partial(sees_health, watcher))


def holds_by_lease(watcher: SidecarBox) -> list[Record]:
    holds = watcher.decisions(SERVICE, "hold")
    return [record for record in holds if record.fields["guard"] == "lease"]


def last_reason(watcher: SidecarBox) -> str:
    return watcher.decisions(SERVICE, "restart")[-1].message


def incident_of(watcher: SidecarBox) -> str:
    return str(watcher.decisions(SERVICE, "restart")[-1].fields["incident"])


def start_two(stack: Stack) -> tuple[SidecarBox, SidecarBox]:
    """The holder of the lease, and another watchdog."""
    start = partial(
        stack.sidecar, cluster_config(), secrets={"redis_url": f"{REDIS_URL}\n"}
    )
    first = start()
    stack.wait_for("the first holds the lease", lambda: holds_lease(first))
    second = start(number=2)
    for watcher in (first, second):
        stack.wait_for("healthy for both", partial(sees_health, watcher))
    assert holds_lease(first)
    assert not holds_lease(second)
    return first, second


def check_one_acts(stack: Stack, first: SidecarBox, second: SidecarBox) -> None:
    """One failure, two watchdogs: one restart, by the holder, with its token."""
    assert restarts(stack) == [f"restart {SERVICE}"]
    assert "lease token " in last_reason(first)
    assert first.name in holds_by_lease(second)[-1].message
    assert second.decisions(SERVICE, "restart") == []


def check_says_loss(watcher: SidecarBox) -> None:
    assert "without the lease, because Redis does not answer" in last_reason(watcher)
    ready = watcher.ask("GET", 9787, "/readyz").json()
    lease = {part["name"]: part for part in ready["components"]}["lease"]
    assert lease["ok"]
    assert "Redis is lost" in lease["reason"]


def check_only_end_is_told(
    stack: Stack, webhook: WebhookBox, watcher: SidecarBox
) -> None:
    """No watchdog is known to send the message, so it waits for a minute.

    By then the incident is over, unless the machine is slow, and the message of its
    end tells all of it.
    """
    incident = incident_of(watcher)
    stack.wait_for(
        "its end is told", lambda: "resolved" in webhook.kinds(incident, "ops"), 180.0
    )
    kinds = webhook.kinds(incident, "ops")

    def read_steps() -> list[Record]:
        of_it = [r for r in watcher.records() if r.fields.get("incident") == incident]
        return [
            next(r for r in of_it if r.message.startswith(f"incident {word}: "))
            for word in ("opened", "resolved")
        ]

    opened, resolved = stack.wait_for("its end is logged", read_steps)
    assert kinds == ["resolved"] or resolved.seconds_after(opened) > MESSAGE_WAITS_S
    assert kinds[-1] == "resolved"


def test_one_watchdog_acts_another_takes_over_and_redis_may_die(stack: Stack) -> None:
    stack.wallet()
    service, webhook = stack.service(), stack.webhook()
    redis = stack.container(
        "sidecar-test-redis:local",
        "redis",
        command=f"redis-server --protected-mode no --requirepass {REDIS_PASSWORD}",
    )
    first, second = start_two(stack)

    break_service(stack, service, first, other=second)
    check_one_acts(stack, first, second)
    incident = incident_of(first)
    stack.wait_for("a message", lambda: webhook.kinds(incident, "ops"))

    first.docker.kill(signal="SIGKILL")
    stack.wait_for("a takeover", lambda: holds_lease(second))
    break_service(stack, service, second)
    assert restarts(stack) == [f"restart {SERVICE}"] * 2
    assert "lease token " in last_reason(second)

    redis.kill()
    stack.wait_for("the loss", lambda: "Redis is lost" in second.log())
    # Its own lease is valid to its end: until then it acts with the token.
    stack.wait_for("the end of its lease", lambda: not holds_lease(second))
    break_service(stack, service, second)
    assert restarts(stack) == [f"restart {SERVICE}"] * 3
    check_says_loss(second)

    check_only_end_is_told(stack, webhook, second)
    assert REDIS_PASSWORD not in first.log() + second.log()
