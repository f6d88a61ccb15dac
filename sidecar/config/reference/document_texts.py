"""Texts of the keys at the top of the file, and of the sections that stand alone."""

from collections.abc import Mapping

from sidecar.config.file.model import Balancer, Cluster, Document
from sidecar.config.file.setting_types import Section
from sidecar.config.reference.key_text import (
    NONE,
    KeyText,
    SectionTexts,
    describe_secret,
)

DOCUMENT_TEXTS: Mapping[type[Section], SectionTexts] = {
    Document: {
        "stack": KeyText("the compose project to act in", "the sidecar's own"),
        "host_name": KeyText(
            "the name of the engine's host in messages",
            "none in a container; the host's own outside one",
        ),
        "mode": KeyText(
            "`observe`: Sidecar watches and decides, but changes nothing", "`act`"
        ),
        "language": KeyText("the language of messages and of the status page", "`en`"),
        "page": KeyText("who sees what on the status page", "`private`"),
        "defaults": KeyText("values for every target that has none of its own", NONE),
        "targets": KeyText("the targets, by name", NONE),
        "maintenance": KeyText(
            "maintenance windows, maintenance tasks, and the retention of records", NONE
        ),
        "notify": KeyText("who is notified, and when again", NONE),
        "hooks": KeyText("actions when an incident opens or is resolved", NONE),
        "cluster": KeyText("several watchdogs, of which one acts", NONE),
        "balancer": KeyText("what load balancers are told about the targets", NONE),
    },
    Cluster: {
        **describe_secret(
            "the address of Redis or Valkey: `redis://:PASSWORD@HOST:6379/0`, or "
            "`rediss://` for TLS",
            "redis_url",
        ),
        "quorum": KeyText(
            "the number of watchdogs that must see a target down before one acts; "
            "watchdogs that are not alive do not count"
        ),
        "lease": KeyText("the time after which another watchdog takes over, 5s to 5m"),
        "on_lost": KeyText(
            "while Redis does not answer: `act`, one after the other, or `hold`"
        ),
    },
    Balancer: {
        "agent_listen": KeyText(
            "the address at which HAProxy's agent checks are answered, such as "
            "`0.0.0.0:9788`; whoever reaches it learns the states of the targets",
            "none: they are not answered",
        ),
    },
}
