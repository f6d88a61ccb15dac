"""Faults of a configuration file, in the language of a message."""

import re

from sidecar.notify.message_catalog import MessageCatalog
from sidecar.notify.quoting import quote

_FAULT = re.compile(
    r"(?P<path>[\w.-]+): found (?P<found>.*); allowed: (?P<allowed>.*?)"
    r"(?: - it is needed)?"
)
_ADDRESS = re.compile(r"an address(?:, or (?P<key>.+))?")


def write_faults(faults: str, words: MessageCatalog) -> str:
    """One line per fault. The path is exact; the found value is quoted."""
    return "\n".join(_write_fault(line, words) for line in faults.split("\n"))


def _write_fault(line: str, words: MessageCatalog) -> str:
    match = _FAULT.fullmatch(line)
    if match is None:
        return quote(line)
    key = "fault.empty" if match["found"] == "nothing" else "fault.wrong"
    allowed = _write_allowed(match["allowed"], words)
    return words(key, path=match["path"], found=quote(match["found"]), allowed=allowed)


def _write_allowed(allowed: str, words: MessageCatalog) -> str:
    """The allowed values of a setting; texts of the schema are in English."""
    address = _ADDRESS.fullmatch(allowed)
    if address is None:
        return quote(allowed)
    key = "allowed.address_or" if address["key"] else "allowed.address"
    return words(key, other=quote(address["key"] or ""))
