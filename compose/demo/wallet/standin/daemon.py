"""Start, service and end of the daemon process."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from standin import wallet_file
from standin.commands import Commands
from standin.control import Control
from standin.faults import Faults
from standin.loaded import LoadedWallets
from standin.lockfile import AlreadyRunning, Lockfile
from standin.observed import Observed
from standin.rpc import Server
from standin.settings import Settings
from standin.upstream import Upstream

ANY_PORT = 0
# Seconds from the answer to `stop` to the end of the original. When the original saves
# its wallets is unknown: here last, so that a signal meanwhile loses addresses.
ENDING_SECONDS = 0.2


def run(settings: Settings) -> int:
    """The exit status of the process."""
    prepare(settings)
    faults = Faults(settings.data_dir)
    upstream = Upstream(settings, faults)
    wallets = LoadedWallets(settings, faults, upstream)
    commands = Commands(settings, upstream, wallets)
    observed = Observed()
    start_thread(Control(settings, faults, commands, observed).serve_forever)
    boot(settings, faults)
    lockfile = Lockfile(settings)
    try:
        lockfile.acquire()
    except AlreadyRunning:
        print("Daemon already running")
        return 0
    start_thread(lambda: wallets.synchronize_until(commands.stopping))
    server = open_server(settings, faults, commands, observed, lockfile)
    # Joined, as in the original: a thread that dies of an error gives exit status 0.
    start_thread(lambda: serve(server, commands, lockfile)).join()
    return 0


def prepare(settings: Settings) -> None:
    """A wallet is created once: one that disappears later stays missing."""
    config = settings.data_dir / "config"
    if not config.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        wallet_file.create(settings.default_wallet, settings.wallet_password)
        config.write_text("{}\n")


def boot(settings: Settings, faults: Faults) -> None:
    """The time before the lock is taken and the port opens."""
    time.sleep(settings.boot_seconds)
    if faults.on("slow_start"):
        faults.hold("slow_start")
    if faults.on("death_at_start"):
        faults.hold("death_at_start")
        sys.exit("the daemon dies at its start, as it was told to")
    if faults.on("failing_boot"):
        if faults.age("failing_boot") < faults.seconds("failing_boot"):
            sys.exit("the daemon cannot start yet, as it was told")
        faults.switch("failing_boot", on=False)


def open_server(
    settings: Settings,
    faults: Faults,
    commands: Commands,
    observed: Observed,
    lockfile: Lockfile,
) -> Server | None:
    """None when the port is taken: the original then lives on without an RPC server."""
    if faults.on("wrong_port"):
        settings = replace(settings, rpc_port=ANY_PORT)
    try:
        server = Server(settings, faults, commands, observed)
    except OSError:
        return None
    lockfile.record(server.socket.getsockname())
    return server


def serve(server: Server | None, commands: Commands, lockfile: Lockfile) -> None:
    """One request after another; the only thread that touches the wallets by RPC."""
    while not commands.stopping.is_set():
        if server is None:
            time.sleep(0.1)
        else:
            server.handle_request()
    lockfile.remove()
    time.sleep(ENDING_SECONDS)
    commands.wallets.save_all()


def start_thread(target: Callable[[], None]) -> threading.Thread:
    """Start a thread that ends with the process."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread
