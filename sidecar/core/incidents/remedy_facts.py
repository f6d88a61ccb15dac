"""Facts for messages about remedies: those under way, and commands for people."""

import shlex
from collections.abc import Iterable, Iterator, Mapping

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.lane import LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.status.container_run import needs_no_start
from sidecar.core.text.printable import on_one_line

WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
VERIFY = "verify_"
MAX_CHARACTERS = 300
"""Length limit of a command; a longer one is left out."""

_DEFAULT_FILES = frozenset(
    {"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
)


def facts_of_work(state: State, subject: Instance, at: Moment) -> dict[str, str]:
    """Facts about the remedy of an instance that is under way, and about the next one.

    ``doing`` is an action, or VERIFY and an action: the action of ``doing_wall`` is
    verified until ``until_wall``. ``attempt``: number of the last try, of at most
    ``attempts``; ``next_try_wall``: when the next one may begin; ``guard``: the guard
    that held it back. Empty where there is none.
    """
    is_load = is_about_load(subject)
    lane = subject.load_lane if is_load else subject.lane
    settings = state.target_of(subject).restart
    max_tries = max(lane.tries, settings.budget + len(settings.slow_lane_s))
    waits = lane.name is not LaneName.DEAD_LETTER and lane.not_before > at.mono
    # A loop that goes on by itself is left alone.
    waits = waits and not (subject.looping and needs_no_start(subject))
    next_wall = at.wall + lane.not_before - at.mono
    decision = subject.last_decision
    return {
        **_facts_under_way(subject, at),
        "attempt": str(lane.tries),
        "attempts": str(max_tries),
        "next_try_wall": f"{next_wall:.3f}" if waits else "",
        "lane": subject.lane.name.value,
        "load_lane": subject.load_lane.name.value if is_load else "",
        "guard": decision.guard.value if decision is not None else "",
    }


def loads_of(subject: Instance, at: Moment) -> tuple[float, ...]:
    """Wall clock times at which the finished loads of its wallet began."""
    loading = subject.loading
    latest_mono = loading.at.mono if loading is not None else at.mono + 1.0
    loads_mono = (mono for mono in subject.load_lane.spent if mono < latest_mono)
    return tuple(at.wall - at.mono + mono for mono in loads_mono)


def is_about_load(subject: Instance) -> bool:
    """Is its wallet not loaded, and is a load the remedy for it?"""
    if subject.loading is not None:
        return True
    remedy = subject.remedy
    restarts = remedy is not None and remedy.decision.action is not Action.LOAD_WALLET
    return subject.cause is Cause.WALLET_NOT_LOADED and not restarts


def _facts_under_way(subject: Instance, at: Moment) -> dict[str, str]:
    remedy, loading = subject.remedy, subject.loading
    if loading is not None:
        return _action_facts(Action.LOAD_WALLET, loading.at.wall, None)
    if remedy is None:
        return _action_facts("", None, None)
    began_wall = remedy.began.wall
    if remedy.phase is RemedyPhase.VERIFYING:
        until_wall = at.wall + max(0.0, remedy.deadline_mono - at.mono)
        return _action_facts(
            f"{VERIFY}{remedy.decision.action}", began_wall, until_wall
        )
    return _action_facts(remedy.decision.action, began_wall, None)


def _action_facts(
    doing: str, since_wall: float | None, until_wall: float | None
) -> dict[str, str]:
    return {
        "doing": str(doing),
        "doing_wall": "" if since_wall is None else f"{since_wall:.3f}",
        "until_wall": "" if until_wall is None else f"{until_wall:.3f}",
    }


def facts_of_commands(state: State, subject: Instance) -> dict[str, str]:
    """Facts for commands that a person runs on the host of an instance.

    ``compose`` is the command that finds its project, ``network`` one that it is on,
    ``wallet`` the path of its first wallet, ``dependents`` are the containers of those
    that need it; empty where it is not known. All are quoted for a shell.
    ``is_wallet``: is it a wallet daemon (yes, no)?
    """
    container = subject.container
    target = state.target_of(subject)
    service = target.service or (container.service if container else "")
    networks = sorted(container.networks) if container is not None else []
    wallet = target.wallet
    paths = (wallet.wallet_path if wallet is not None else ()) or subject.wallets
    return {
        "container": container.name if container is not None else "",
        "service": _shell_word(service or target.name),
        "is_wallet": "yes" if wallet is not None else "no",
        "compose": _compose(state, subject),
        "network": _shell_word(networks[0]) if networks else "",
        "wallet": _shell_word(paths[0]) if paths else "",
        "dependents": _dependents(state, subject),
    }


def _dependents(state: State, subject: Instance) -> str:
    """Names of the dependents' containers, with blanks between; all, or none."""
    containers = [one.container for one in state.dependents(subject.id.target)]
    names = [_shell_word(one.name) if one is not None else "" for one in containers]
    return " ".join(names) if all(names) else ""


def _compose(state: State, subject: Instance) -> str:
    """Compose command by its own labels, or by another container's if it is missing."""
    containers: Iterable[Container | None] = (subject.container,)
    if subject.container is None:
        containers = (one.container for one in state.instances.values())
    for container in containers:
        if container is not None and container.labels.get(WORKING_DIR):
            return compose_command(container)
    return ""


def compose_command(container: Container) -> str:
    """``cd FOLDER && docker compose``, with the files where they are not the default.

    Labels are text from others: they are quoted for a shell, on one line and bounded.
    """
    folder = on_one_line(container.labels.get(WORKING_DIR, ""))
    if not folder.startswith("/"):
        return ""
    named = "".join(
        f" -f {shlex.quote(f)}" for f in _named_files(container.labels, folder)
    )
    command = f"cd {shlex.quote(folder)} && docker compose{named}"
    return command if len(command) <= MAX_CHARACTERS else ""


def _named_files(labels: Mapping[str, str], folder: str) -> Iterator[str]:
    """Files that compose would not find by itself, relative to the folder."""
    label = on_one_line(labels.get(CONFIG_FILES, ""))
    files = [file.removeprefix(f"{folder}/") for file in label.split(",") if file]
    if len(files) == 1 and files[0] in _DEFAULT_FILES:
        return
    yield from files


def _shell_word(text: str) -> str:
    word = shlex.quote(on_one_line(text))
    return word if len(word) <= MAX_CHARACTERS else ""
