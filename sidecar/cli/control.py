"""Commands that change something: restart, pause, recover, reload and the like."""

import click

from sidecar.cli.client import Api, target_path
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import show_done


@click.command(
    epilog=examples(
        "sidecar restart electron-cash", "sidecar restart bitcoincash-service-2 --now"
    )
)
@click.argument("target")
@click.option(
    "--now",
    is_flag=True,
    help="Without waiting for backoff, budget, settling, or a wallet daemon's own "
    "stop: addresses that it handed out since it last saved can be lost.",
)
@as_json
@talks_to_sidecar
def restart(api: Api, target: str, now: bool, as_json: bool) -> int:
    """Restart TARGET, verified, unless a guard objects (exit 3, with its reason).

    A wallet daemon is asked to stop first, so that it saves the addresses that it has
    handed out; one that is busy is waited for, for up to its polite_stop (90 s).
    `sidecar status` says what is being waited for.
    """
    if now and not as_json:
        click.echo(_AT_ONCE, err=True)
    told = api.post(target_path(target, "restart"), {"now": now})
    decision = told["decision"]
    said = f"{target}: {decision['action']}: {decision['reason']}"
    return show_done(told, said, as_json)


_AT_ONCE = (
    "--now: a wallet daemon is not asked to stop first; addresses that it handed out "
    "since it last saved can be lost"
)


def _describe_targets(target: str | None, everything: bool, action: str) -> str:
    """Where the order is posted."""
    if (target is None) is not everything:
        raise click.UsageError("give either a TARGET or --all")
    return f"/api/v1/{action}" if target is None else target_path(target, action)


@click.command(
    epilog=examples("sidecar pause electron-cash --for 2h", "sidecar pause --all")
)
@click.argument("target", required=False)
@click.option("--all", "everything", is_flag=True, help="All targets.")
@click.option(
    "--for", "duration", metavar="DURATION", help="As 30m, 2h, 1d; else until resumed."
)
@as_json
@talks_to_sidecar
def pause(
    api: Api,
    target: str | None,
    everything: bool,
    duration: str | None,
    as_json: bool,
) -> int:
    """Stop acting on TARGET; measuring goes on."""
    path = _describe_targets(target, everything, "pause")
    told = api.post(path, {"for": duration} if duration else {})
    said = f"{target or 'all targets'}: paused {_until(duration)}"
    return show_done(told, said, as_json)


def _until(duration: str | None) -> str:
    return f"for {duration}" if duration else "until resumed"


@click.command(epilog=examples("sidecar resume electron-cash", "sidecar resume --all"))
@click.argument("target", required=False)
@click.option("--all", "everything", is_flag=True, help="All targets.")
@as_json
@talks_to_sidecar
def resume(api: Api, target: str | None, everything: bool, as_json: bool) -> int:
    """Act on TARGET again."""
    told = api.post(_describe_targets(target, everything, "resume"))
    return show_done(told, f"{target or 'all targets'}: resumed", as_json)


@click.command(epilog=examples("sidecar recover electron-cash"))
@click.argument("target")
@as_json
@talks_to_sidecar
def recover(api: Api, target: str, as_json: bool) -> int:
    """Say that TARGET was mended: forget its spent restarts, leave the dead letter."""
    told = api.post(target_path(target, "recover"))
    return show_done(told, f"{target}: may be restarted again", as_json)


@click.command(epilog=examples("sidecar release electron-cash"))
@click.argument("target")
@as_json
@talks_to_sidecar
def release(api: Api, target: str, as_json: bool) -> int:
    """Give up the remedy of TARGET that is under way; nothing is undone."""
    told = api.post(target_path(target, "release"))
    return show_done(told, f"{target}: released", as_json)


@click.command(
    epilog=examples("sidecar reload", "sidecar config check && sidecar reload")
)
@as_json
@talks_to_sidecar
def reload(api: Api, as_json: bool) -> int:
    """Take the changed configuration file.

    A file with faults is refused (exit 3, with all of them): what is in force stays.
    """
    told = api.post("/api/v1/reload")
    return show_done(told, "the configuration file is in force", as_json)
