"""The faults a test or a demo can switch on, and which of them outlive the process."""

import json
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """Meaning of a fault, default of its number, and whether it outlives the process.

    The number is SECONDS or COUNT.
    """

    meaning: str
    seconds: float | None = None
    count: int | None = None
    persists: bool = False


KINDS: dict[str, Kind] = {
    "upstream_lost": Kind(
        "no server: connected is false, heights stand still", persists=True
    ),
    "upstream_mute": Kind(
        "a server that accepts and never answers: connected flaps, server_height is 0",
        persists=True,
    ),
    "upstream_slow": Kind(
        "network-backed calls and the saving of addresses take SECONDS, and succeed",
        seconds=25,
        persists=True,
    ),
    "callers": Kind(
        "COUNT programs make network-backed calls, one after another; with a well "
        "upstream each waits 0.1 s between two",
        count=2,
        persists=True,
    ),
    "network_call": Kind(
        "a network-backed call holds the single RPC thread for SECONDS; inf: for good",
        seconds=30,
    ),
    "silent_client": Kind(
        "a client that sends nothing holds the server for SECONDS", seconds=30
    ),
    "wrong_password": Kind(
        "the daemon's RPC password is another one than configured", persists=True
    ),
    "wallet_missing": Kind("load_wallet finds no wallet file", persists=True),
    "syncing": Kind("the wallet does not become up to date", persists=True),
    "stale_height": Kind("heights do not advance"),
    "slow_start": Kind(
        "the next starts take SECONDS longer", seconds=15, persists=True
    ),
    "death_at_start": Kind(
        "the next starts end with exit status 1 after SECONDS", seconds=1, persists=True
    ),
    "failing_boot": Kind(
        "starts end with exit status 1 until SECONDS after it was switched on",
        seconds=6,
        persists=True,
    ),
    "wrong_port": Kind(
        "the next starts listen on another port: the RPC's is refused", persists=True
    ),
    "offline": Kind(
        "calls that need the network end in an error; the newest library dies of it",
        persists=True,
    ),
    "http_500": Kind("every call is answered with HTTP 500"),
    "bad_body": Kind("every call is answered with 200 and a body that is not JSON"),
    "slow_answers": Kind(
        "every answer takes SECONDS, and holds the server meanwhile", seconds=5
    ),
    "stop_process": Kind("SIGSTOP; continued after SECONDS if given"),
    "die": Kind("the process ends at once, saving nothing, with exit status 1"),
}


@dataclass(frozen=True)
class Switch:
    """One fault's position."""

    on: bool = False
    seconds: float | None = None
    count: int | None = None
    switched_at: float | None = None  # Unix time


class Faults:
    """Shared by the RPC thread, the control port and the synchronizer."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "faults.json"
        self._changed = threading.Condition()
        self._switches = {name: Switch() for name in KINDS} | self._read_stored()

    def on(self, name: str) -> bool:
        """Whether the fault is on."""
        with self._changed:
            return self._switches[name].on

    def seconds(self, name: str) -> float:
        """The fault's time: as switched, else its default."""
        with self._changed:
            return self._switches[name].seconds or KINDS[name].seconds or 0.0

    def count(self, name: str) -> int:
        """The fault's count: as switched, else its default."""
        with self._changed:
            return self._switches[name].count or KINDS[name].count or 0

    def age(self, name: str) -> float:
        """Seconds of wall time since it was switched on, other processes included."""
        with self._changed:
            return time.time() - (self._switches[name].switched_at or 0.0)

    def switch(self, name: str, *, on: bool, number: float | None = None) -> None:
        """Stored first when it outlives the process. The number: SECONDS or COUNT."""
        with self._changed:
            self._switches[name] = _switch(KINDS[name], number) if on else Switch()
            if KINDS[name].persists:
                self._store()
            self._changed.notify_all()

    def hold(self, name: str) -> None:
        """Waits for the fault's seconds, or until it is switched off."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._switches[name].on,
                timeout=min(self.seconds(name), threading.TIMEOUT_MAX),
            )

    def all_off(self) -> None:
        """Switch all faults off."""
        for name in KINDS:
            self.switch(name, on=False)

    def snapshot(self) -> dict[str, dict[str, object]]:
        """Every fault's position, for the control port."""
        with self._changed:
            return {name: asdict(switch) for name, switch in self._switches.items()}

    def _read_stored(self) -> dict[str, Switch]:
        if not self._path.exists():
            return {}
        return {
            name: Switch(**fields)
            for name, fields in json.loads(self._path.read_text()).items()
        }

    def _store(self) -> None:
        lasting = {
            name: asdict(s)
            for name, s in self._switches.items()
            if KINDS[name].persists and s.on
        }
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(lasting))
        temporary.replace(self._path)


def _switch(kind: Kind, number: float | None) -> Switch:
    now = time.time()
    if kind.count is not None:
        return Switch(on=True, count=int(number or kind.count), switched_at=now)
    return Switch(on=True, seconds=number or kind.seconds, switched_at=now)
