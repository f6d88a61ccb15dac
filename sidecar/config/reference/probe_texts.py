"""Texts of the keys of each kind of probe."""

from collections.abc import Mapping

from sidecar.config.file.probe_sections import (
    ElectronCashSection,
    ExecSection,
    FieldPatternSection,
    HttpSection,
    JsonRpcSection,
    LogSection,
    MemorySection,
    ProbeSection,
    TcpSection,
)
from sidecar.config.file.setting_types import Section
from sidecar.config.reference.key_text import (
    NONE,
    KeyText,
    SectionTexts,
    describe_secret,
)

_REQUEST = {
    "username": KeyText("the user of basic authentication", NONE),
    **describe_secret("its password", "password"),
    "ca_file": KeyText(
        "the certificate of a private authority, in PEM, trusted instead of the "
        "system's; for `https` addresses"
    ),
}

PROBE_TEXTS: Mapping[type[Section], SectionTexts] = {
    ProbeSection: {
        "timeout": KeyText("the deadline of a whole probe"),
        "hang_after": KeyText("the silence before it is called a hang"),
        "slow_after": KeyText("an answer slower than this is a warning"),
    },
    ElectronCashSection: {
        "url": KeyText("the address of the daemon's JSON-RPC"),
        **_REQUEST,
        "load_wallet": KeyText("load the wallets after each start of the daemon"),
        "wallet_path": KeyText(
            "the wallets to load: a path or a list of them",
            "the wallets that were loaded before",
        ),
        **describe_secret("opens an encrypted wallet", "wallet_password"),
        "hang_after_outage": KeyText(
            "the same as `hang_after`, if the upstream server was lost, slow or not "
            "known when the daemon last answered"
        ),
        "upstream_grace": KeyText(
            "the time without an upstream server before people are notified"
        ),
        "stale_after": KeyText(
            "the time in which the chain of the upstream server stands still before it "
            "is a fault"
        ),
        "restart_on_upstream_loss": KeyText(
            "restart the daemon after `upstream_grace`; it forgets addresses that it "
            "handed out in the outage"
        ),
        "expose_balance": KeyText("export the wallet's balance as a metric"),
    },
    JsonRpcSection: {
        "url": KeyText("the address of the JSON-RPC server"),
        "method": KeyText("a method without parameters, which only reads"),
        **_REQUEST,
    },
    HttpSection: {
        "url": KeyText("the health address"),
        "expect_status": KeyText("the status of a good answer, or a list of them"),
        "expect_body": KeyText("a text that a good answer contains"),
        "max_body_bytes": KeyText(
            "this much of the body is searched for `expect_body`"
        ),
        "headers": KeyText("headers of the request, by name", NONE),
        **_REQUEST,
    },
    TcpSection: {
        "host": KeyText("the host to connect to"),
        "port": KeyText("its port"),
    },
    MemorySection: {
        "over": KeyText("the share of the memory limit that counts as too much"),
        "on_match": KeyText(
            "what follows then: `warn` makes the target `degraded`, `fail` is a failed "
            "probe, `planned_restart` asks for a planned restart"
        ),
        "every": KeyText("the time between two samples"),
    },
    LogSection: {
        "patterns": KeyText(
            "regular expressions of RE2, searched in each line; or `{field: level, "
            "matches: error}` for a field of lines in JSON",
            NONE,
        ),
        "set": KeyText("a ready-made set of patterns, or a list of them", NONE),
        "count": KeyText("this many matching lines are a match"),
        "window": KeyText("the time within which they must be written"),
        "cooldown": KeyText("a match lasts until this time passed without another"),
        "on_match": KeyText("what a match means: see `log` in probes.md"),
    },
    FieldPatternSection: {
        "field": KeyText("a key of the JSON object; `a.b` for `b` in `a`"),
        "matches": KeyText("the expression for its value"),
    },
    ExecSection: {
        "command": KeyText("the command and its arguments; exit status 0 is success"),
    },
}
