"""Commands that change something: restart, pause, recover, reload and the like."""

import click

from sidecar.api_types.control import (
    DecisionAnswer,
    PauseBody,
    ReloadAnswer,
    RestartAnswer,
    RestartBody,
)
from sidecar.cli.client import Answer, Api, target_path
from sidecar.cli.completion import optional_target_argument, target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import show_done
from sidecar.cli.restart_progress import RestartProgress, describe_result


@click.command(
    epilog=examples(
        "sidecar restart electron-cash --wait",
        "sidecar restart bitcoincash-service-2 --now",
    )
)
@target_argument
@click.option(
    "--now",
    is_flag=True,
    help="Restart at once: do not wait for backoff, budget or settle time, and do not "
    "ask a wallet daemon to stop first. Addresses that it handed out since it last "
    "saved can be lost.",
)
@click.option(
    "--wait",
    is_flag=True,
    help="Print each step until the result is known. Ctrl-C ends the waiting, not the "
    "restart.",
)
@as_json
@talks_to_sidecar
def restart(api: Api, target: str, now: bool, wait: bool, as_json: bool) -> int:
    """Restart TARGET and verify that it recovers.

    If TARGET has several replicas, they are restarted one after the other, until one
    does not recover. Name a replica to restart it alone.

    If a guard objects, the order is refused: exit status 3, with the reason.

    A wallet daemon is asked to stop first, so that it saves the addresses that it
    has handed out. Sidecar waits for a busy daemon for at most the target's
    polite_stop (90 s). `sidecar status` shows what it waits for.

    Exit status with --wait 0: it has recovered, 1: it has not.
    """
    if now and not as_json:
        click.echo(_AT_ONCE, err=True)
    progress = RestartProgress(api, target, shows=not as_json) if wait else None
    body = RestartBody(now=now)
    answer = api.post(target_path(target, "restart"), RestartAnswer, body)
    decision = answer.value.decision
    if decision is None:
        raise ValueError("a restart without a decision")
    first = next(iter(answer.value.replicas), target)
    text = f"{first}: {decision.action}: {decision.reason}"
    if progress is None:
        return show_done(answer.document, text, as_json)
    if not as_json:
        click.echo(text)
    return _wait(progress, answer, as_json)


def _wait(
    progress: RestartProgress, answer: Answer[RestartAnswer], as_json: bool
) -> int:
    """Wait for the result of a restart; 0: it has recovered, 1: it has not."""
    try:
        result = progress.wait(answer.value.replicas)
    except KeyboardInterrupt:
        click.echo("the restart goes on; sidecar status shows its state", err=True)
        raise
    document = {**answer.document, "result": result.document}
    show_done(document, describe_result(result.value), as_json)
    has_recovered = getattr(result.value, "outcome", "") == "recovered"
    return 0 if has_recovered else 1


_AT_ONCE = (
    "--now: a wallet daemon is not asked to stop first; addresses that it handed out "
    "since it last saved can be lost"
)


def _action_path(target: str | None, everything: bool, action: str) -> str:
    """The API path of an action on one target, or on all of them."""
    if (target is None) is not everything:
        raise click.UsageError("give either a TARGET or --all")
    return f"/api/v1/{action}" if target is None else target_path(target, action)


@click.command(
    epilog=examples("sidecar pause electron-cash --for 2h", "sidecar pause --all")
)
@optional_target_argument
@click.option("--all", "everything", is_flag=True, help="Pause all targets.")
@click.option(
    "--for",
    "duration",
    metavar="DURATION",
    help="How long, such as 30m, 2h or 1d. Default: until resumed.",
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
    """Stop acting on TARGET; Sidecar still probes it."""
    path = _action_path(target, everything, "pause")
    answer = api.post(path, DecisionAnswer, PauseBody(duration or None))
    text = f"{target or 'all targets'}: paused {_until(duration)}"
    return show_done(answer.document, text, as_json)


def _until(duration: str | None) -> str:
    return f"for {duration}" if duration else "until resumed"


@click.command(epilog=examples("sidecar resume electron-cash", "sidecar resume --all"))
@optional_target_argument
@click.option("--all", "everything", is_flag=True, help="Resume all targets.")
@as_json
@talks_to_sidecar
def resume(api: Api, target: str | None, everything: bool, as_json: bool) -> int:
    """Act on a paused TARGET again."""
    answer = api.post(_action_path(target, everything, "resume"), DecisionAnswer)
    return show_done(answer.document, f"{target or 'all targets'}: resumed", as_json)


@click.command(epilog=examples("sidecar recover electron-cash"))
@target_argument
@as_json
@talks_to_sidecar
def recover(api: Api, target: str, as_json: bool) -> int:
    """Reset TARGET after a repair: clear its used restarts and its dead letter."""
    answer = api.post(target_path(target, "recover"), DecisionAnswer)
    return show_done(answer.document, f"{target}: may be restarted again", as_json)


@click.command(epilog=examples("sidecar release electron-cash"))
@target_argument
@as_json
@talks_to_sidecar
def release(api: Api, target: str, as_json: bool) -> int:
    """Abandon the remedy of TARGET that is in progress; undo nothing."""
    answer = api.post(target_path(target, "release"), DecisionAnswer)
    return show_done(answer.document, f"{target}: released", as_json)


@click.command(
    epilog=examples("sidecar reload", "sidecar config check && sidecar reload")
)
@as_json
@talks_to_sidecar
def reload(api: Api, as_json: bool) -> int:
    """Read the configuration file again and apply it.

    A file with faults is refused: exit status 3, with all faults. The settings in
    force then stay.
    """
    answer = api.post("/api/v1/reload", ReloadAnswer)
    return show_done(answer.document, "the configuration file is in force", as_json)
