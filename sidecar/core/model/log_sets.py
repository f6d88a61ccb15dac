"""Ready-made sets of patterns for logs, and what no pattern of a log may be.

The patterns are regular expressions of RE2, which takes linear time.
"""

from collections.abc import Mapping
from types import MappingProxyType

PATTERN_CHARACTERS = 1000
PATTERN_MEMORY_BYTES = 1024 * 1024
"""Memory that one pattern may use, compiled and while it searches."""

WALLET_NOTICE = b"libsecp256k1"
WALLET_NOTICE_MARKS = (b"[ecc]", b"[secp256k1]")
"""An Electron Cash without this library says at each start that it is slower."""

_WALLET = r"(?:wallet|electron|electrum|:7777|:7000)"
_TIMEOUT = r"(?:connect ?timeout|connection timed out|read timed out|etimedout)"

LOG_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "worker_timeout": (
            r"WORKER TIMEOUT",
            r"HARAKIRI ON WORKER",
            r"(?i)worker \S+ (?:was )?(?:timed out|sent SIGKILL)",
            r"(?i)hard time ?limit \(.{1,20}\) exceeded",
            r"WorkerLostError",
            r"script '.{1,200}' \(request: .{1,500}\) execution timed out",
        ),
        "wallet_timeout": (
            rf"(?i){_WALLET}.{{0,500}}{_TIMEOUT}",
            rf"(?i){_TIMEOUT}.{{0,500}}{_WALLET}",
        ),
        "out_of_memory": (
            r"(?i)\bout of memory\b",
            r"\bMemoryError\b",
            r"\bOutOfMemoryError\b",
            r"(?i)cannot allocate memory",
            r"\bENOMEM\b",
            r"\bbad_alloc\b",
        ),
        "disk_full": (
            r"(?i)no space left on device",
            r"\bENOSPC\b",
            r"(?i)disk quota exceeded",
            r"(?i)\bdisk (?:is )?full\b",
        ),
        "database_locked": (
            r"(?i)database (?:table |schema )?is locked",
            r"\bSQLITE_BUSY\b",
            r"(?i)lock wait timeout exceeded",
            r"(?i)deadlock (?:detected|found)",
        ),
    }
)
