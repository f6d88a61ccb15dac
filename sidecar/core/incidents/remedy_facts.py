"""What messages tell beside the trouble itself: what is done, and what can be done."""

import shlex
from collections.abc import Iterator, Mapping

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
MOST_CHARACTERS = 300
"""Of a command; a longer one is left to people to find."""

_DEFAULT_FILES = frozenset(
    {"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
)


def facts_of_work(state: State, subject: Instance, at: Moment) -> dict[str, str]:
    """What is being done to an instance, and what comes next.

    ``doing`` is an action, or one after VERIFY: what was done at ``doing_wall`` is
    judged until ``until_wall``. ``attempt``: the last one's number, of at most
    ``attempts``; ``next_try_wall``: when the next one may begin; ``guard``: who held
    it back. Empty where there is none.
    """
    loads = is_about_load(subject)
    lane = subject.load_lane if loads else subject.lane
    settings = state.target_of(subject).restart
    most = max(lane.tries, settings.budget + len(settings.slow_lane_s))
    waits = lane.name is not LaneName.DEAD_LETTER and lane.not_before > at.mono
    # A loop that goes on by itself is left alone.
    waits = waits and not (subject.looping and needs_no_start(subject))
    next_wall = at.wall + lane.not_before - at.mono
    decision = subject.last_decision
    return {
        **_under_way(subject, at),
        "attempt": str(lane.tries),
        "attempts": str(most),
        "next_try_wall": f"{next_wall:.3f}" if waits else "",
        "lane": subject.lane.name.value,
        "load_lane": subject.load_lane.name.value if loads else "",
        "guard": decision.guard.value if decision is not None else "",
    }


def loads_of(subject: Instance, at: Moment) -> tuple[float, ...]:
    """When loads of its wallet were begun that have ended, by the wall clock."""
    under_way = subject.loading
    begun = under_way.at.mono if under_way is not None else at.mono + 1.0
    ended = (mono for mono in subject.load_lane.spent if mono < begun)
    return tuple(at.wall - at.mono + mono for mono in ended)


def is_about_load(subject: Instance) -> bool:
    """Is its wallet what it lacks, and a load what is tried?"""
    if subject.loading is not None:
        return True
    remedy = subject.remedy
    restarts = remedy is not None and remedy.decision.action is not Action.LOAD_WALLET
    return subject.cause is Cause.WALLET_NOT_LOADED and not restarts


def _under_way(subject: Instance, at: Moment) -> dict[str, str]:
    remedy, loading = subject.remedy, subject.loading
    if loading is not None:
        return _action_facts(Action.LOAD_WALLET, loading.at.wall, None)
    if remedy is None:
        return _action_facts("", None, None)
    began = remedy.began.wall
    if remedy.phase is RemedyPhase.VERIFYING:
        until = at.wall + max(0.0, remedy.deadline_mono - at.mono)
        return _action_facts(f"{VERIFY}{remedy.decision.action}", began, until)
    return _action_facts(remedy.decision.action, began, None)


def _action_facts(
    what: str, since: float | None, until: float | None
) -> dict[str, str]:
    return {
        "doing": str(what),
        "doing_wall": "" if since is None else f"{since:.3f}",
        "until_wall": "" if until is None else f"{until:.3f}",
    }


def facts_of_commands(state: State, subject: Instance) -> dict[str, str]:
    """How an instance is named on the command line of its host.

    ``compose`` is the command that finds its project, ``network`` one that it is on,
    ``wallet`` the path of its first wallet; empty where it is not known. All are
    quoted for a shell.
    """
    container = subject.container
    target = state.target_of(subject)
    service = target.service or (container.service if container else "")
    networks = sorted(container.networks) if container is not None else []
    wallet = target.wallet
    paths = (wallet.wallet_path if wallet is not None else ()) or subject.wallets
    return {
        "container": container.name if container is not None else "",
        "service": service or target.name,
        "compose": _compose(state, subject),
        "network": _shell_word(networks[0]) if networks else "",
        "wallet": _shell_word(paths[0]) if paths else "",
    }


def _compose(state: State, subject: Instance) -> str:
    """By its own labels, or by those of another of the stack where it is missing."""
    others = (one.container for one in state.instances.values())
    for container in (subject.container, *others):
        if container is not None and container.labels.get(WORKING_DIR):
            return compose_command(container)
    return ""


def compose_command(container: Container) -> str:
    """``cd FOLDER && docker compose``, with the files where they are not the default.

    Labels are words of others: they are quoted for a shell, on one line and bounded.
    """
    folder = on_one_line(container.labels.get(WORKING_DIR, ""))
    if not folder.startswith("/"):
        return ""
    named = "".join(
        f" -f {shlex.quote(f)}" for f in _named_files(container.labels, folder)
    )
    command = f"cd {shlex.quote(folder)} && docker compose{named}"
    return command if len(command) <= MOST_CHARACTERS else ""


def _named_files(labels: Mapping[str, str], folder: str) -> Iterator[str]:
    """The files that compose would not find by itself, as seen from the folder."""
    said = on_one_line(labels.get(CONFIG_FILES, ""))
    files = [file.removeprefix(f"{folder}/") for file in said.split(",") if file]
    if len(files) == 1 and files[0] in _DEFAULT_FILES:
        return
    yield from files


def _shell_word(said: str) -> str:
    word = shlex.quote(on_one_line(said))
    return word if len(word) <= MOST_CHARACTERS else ""
