"""Secrets: reading, recognising and masking them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from urllib.parse import parse_qsl, urlsplit

from msgspec import UnsetType

from sidecar.config.check.secret_text import SHORT, objection
from sidecar.config.file.raw_tree import Path
from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.problem import ConfigProblem, quote_value
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.probe_settings import HttpProbe, ProbeSettings
from sidecar.core.model.target import Target

MASK = "***"
CREDENTIALS = "${CREDENTIALS_DIRECTORY}/"
"""Begin of the name of a secret's file that systemd hands over."""
_MAX_BYTES = 65_536
_UNREAD, _UNREAD_URL = "not read", "https://not-read.invalid/"
_SECRET_NAME = re.compile(
    r"passw|secret|token|api-?_?key|^key$|auth|cookie|signature|^sig$", re.IGNORECASE
)
_ADDRESS_KEYS = {"redis_url"}
_SECRET_SECTIONS = ("channels", "heartbeat", "tasks", "offsite")
_SECRETS_OF_SECTIONS = frozenset({"url", "read_url", "topic", "routing_key"})
_USERINFO = re.compile(r"(?<=//).*@.*", re.DOTALL)
_QUERY = re.compile(r"([?&;])([^=&;#\s]+)=([^&;#\s]*)")


def is_secret(path: Path) -> bool:
    """Is the value at this path of the file a secret? A file's name is none."""
    key = str(path[-1]) if path else ""
    if key.endswith("_file"):
        return False
    in_secret_section = any(section in path for section in _SECRET_SECTIONS)
    if in_secret_section and key in _SECRETS_OF_SECTIONS:
        return True
    return key in _ADDRESS_KEYS or bool(_SECRET_NAME.search(key))


def masked_url(url: str) -> str:
    """The address with secrets of its query masked.

    Of an address with an ``@`` only the scheme remains: it is not certain where its
    credentials end.
    """
    return _QUERY.sub(_masked_parameter, _USERINFO.sub(MASK, url))


def _masked_parameter(match: re.Match[str]) -> str:
    start, name, value = match.groups()
    return f"{start}{name}={MASK if _SECRET_NAME.search(name) else value}"


def show_masked(value: object, path: Path) -> str:
    """The value for a fault: short, on one line, without secrets."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if is_secret(path):
        return MASK
    words = masked_url(str(value)) if isinstance(value, str) else repr(value)
    return quote_value(words) if isinstance(value, str) else words


@dataclass(slots=True)
class SecretReader:
    """Reads secrets; collects their values, and faults of those it could not read.

    Without ``reads_files``, a value of the same kind stands for each secret of a file.
    ``credentials_dir`` is the folder of systemd's credentials, empty without one.
    ``short``: the paths of secrets that are short enough to occur in ordinary words.
    """

    reads_files: bool = True
    credentials_dir: str = ""

    values: list[str] = field(default_factory=list, repr=False)
    faults: list[ConfigProblem] = field(default_factory=list)
    short: list[str] = field(default_factory=list)

    def take(
        self, plain: str | UnsetType, file: str | UnsetType, path: str
    ) -> str | None:
        """The secret given as ``path``, or in the file that ``path_file`` names."""
        if isinstance(file, UnsetType):
            return None if isinstance(plain, UnsetType) else self._keep(plain, path)
        file_path = f"{path}_FILE" if path.isupper() else f"{path}_file"
        if not isinstance(plain, UnsetType):
            hint = f"keep {file_path}, remove {path}"
            fault = ConfigProblem(
                path, "both a value and a file", "one of the two", hint
            )
            self.faults.append(fault)
            return None
        if not self.reads_files:
            return _UNREAD_URL if path.endswith("url") else _UNREAD
        return self._from_file(file, file_path)

    def take_lines(self, file: str, path: str) -> tuple[str, ...]:
        """The secrets in a file, one a line; ``path`` is the key with the file's name.

        Empty where there is a fault.
        """
        text = self._read(file, path)
        lines = text.splitlines() if text is not None else []
        for number, line in enumerate(lines, 1):
            why = objection(line) or ("" if line else "empty")
            if why:
                actual = f"{file!r} (line {number}: {why})"
                allowed = "bare secrets, one a line"
                self.faults.append(ConfigProblem(path, actual, allowed))
                return ()
        return tuple(self._keep(line, path) for line in lines)

    def _read(self, file: str, path: str) -> str | None:
        """The text of the file without the line ends at its end; None: a fault."""
        if file.startswith(CREDENTIALS) and not self.credentials_dir:
            hint = "name it in the unit, and let systemd start Sidecar"
            allowed = "a credential of systemd (LoadCredential=)"
            self.faults.append(ConfigProblem(path, repr(file), allowed, hint))
            return None
        place = file.replace(CREDENTIALS, f"{self.credentials_dir}/", 1)
        try:
            text = read_regular_file(FilePath(place), _MAX_BYTES).decode()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a text file"
            actual = f"{file!r} ({why})"
            self.faults.append(ConfigProblem(path, actual, "a file that can be read"))
            return None
        value = text.rstrip("\r\n")
        if not value:
            self.faults.append(
                ConfigProblem(path, f"{file!r} (empty)", "a file with a secret")
            )
            return None
        return value

    def _from_file(self, file: str, path: str) -> str | None:
        value = self._read(file, path)
        if value is None:
            return None
        why = objection(value)
        if why:
            hint = "save it as UTF-8 text, the bare secret on one line"
            actual = f"{file!r} ({why})"
            self.faults.append(
                ConfigProblem(path, actual, "the secret and no more", hint)
            )
            return None
        return self._keep(value, path)

    def _keep(self, value: str, path: str) -> str:
        self.values.append(value)
        if len(value) < SHORT:
            self.short.append(path)
        return value


def secrets_of(targets: Iterable[Target]) -> tuple[str, ...]:
    """Every secret in the settings of these targets, for the mask of the log."""
    targets = tuple(targets)
    of_probes = (s for t in targets for p in t.probes for s in _secrets_of_probe(p))
    of_backups = (s for t in targets for s in _secrets_of_backup(t.backup))
    secrets = (*of_probes, *of_backups)
    return tuple(dict.fromkeys(secret for secret in secrets if secret))


def _secrets_of_backup(backup: BackupSettings | None) -> tuple[str | None, ...]:
    place = backup.offsite if backup is not None else None
    return (place.url, place.read_url, place.password) if place is not None else ()


_SECRET_FIELDS = ("password", "wallet_password")


def _secrets_of_probe(probe: ProbeSettings) -> Iterator[str]:
    credentials = getattr(probe, "credentials", None)
    if credentials is not None:
        yield credentials.password
    for name in _SECRET_FIELDS:
        yield getattr(probe, name, None) or ""
    if isinstance(probe, HttpProbe):
        yield from (v for k, v in probe.headers.items() if _SECRET_NAME.search(k))
    yield from secrets_in_url(getattr(probe, "url", ""))


def secrets_in_url(url: str) -> Iterator[str]:
    """The values of an address's query that must not be shown."""
    try:
        query = parse_qsl(urlsplit(url).query)
    except ValueError:
        return
    yield from (value for name, value in query if _SECRET_NAME.search(name))
