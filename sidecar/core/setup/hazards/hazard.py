"""Types of hazards: a row of the table, and the results of its check."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.cause import Severity
from sidecar.core.setup.proposal import SetupProposal

LANGUAGES = ("en", "ko")


class BilingualText(NamedTuple):
    """A text in English and in Korean; placeholders are a finding's values."""

    en: str
    ko: str

    def write(self, language: str, values: Mapping[str, str]) -> str:
        """The text in a language of LANGUAGES, with the values."""
        return (self.ko if language == "ko" else self.en).format_map(values)


class Unknown(StrEnum):
    """Reasons why a check has no result."""

    NO_SIDECAR = "no_sidecar"
    NO_WALLET = "no_wallet"
    NO_PROCESSES = "no_processes"
    NO_SIGNALS = "no_signals"
    NO_DATA_FOLDER = "no_data_folder"
    NO_SOCKET = "no_socket"
    NAMED_GROUP = "named_group"
    NO_CLOCK = "no_clock"
    NO_DISK = "no_disk"


UNKNOWN_TEXTS: Mapping[Unknown, BilingualText] = {
    Unknown.NO_SIDECAR: BilingualText(
        "no container of the stack is Sidecar's",
        "이 스택에 Sidecar 컨테이너가 없습니다",
    ),
    Unknown.NO_WALLET: BilingualText(
        "no wallet daemon was recognised",
        "지갑 데몬을 찾지 못했습니다",
    ),
    Unknown.NO_PROCESSES: BilingualText(
        "its processes are not known: it does not run, or the engine does not list them",
        "프로세스를 알 수 없습니다. 컨테이너가 실행 중이 아니거나 엔진이 알려 주지 않습니다",
    ),
    Unknown.NO_SIGNALS: BilingualText(
        "whether its PID 1 handles SIGTERM cannot be seen from here; run the command on "
        "the host",
        "PID 1이 SIGTERM을 처리하는지 여기서는 볼 수 없습니다. 호스트에서 실행해 주십시오",
    ),
    Unknown.NO_DATA_FOLDER: BilingualText(
        "the folder of its wallet is not known",
        "지갑 폴더의 위치를 알 수 없습니다",
    ),
    Unknown.NO_SOCKET: BilingualText(
        "the engine's socket cannot be seen from here",
        "엔진 소켓을 여기서는 볼 수 없습니다",
    ),
    Unknown.NAMED_GROUP: BilingualText(
        "group_add has a name, whose number only the container knows",
        "group_add에 이름이 적혀 있어 번호는 컨테이너만 알 수 있습니다",
    ),
    Unknown.NO_CLOCK: BilingualText(
        "the engine does not tell its time: is GET /info allowed?",
        "엔진이 시각을 알려 주지 않습니다. GET /info가 허용되어 있습니까?",
    ),
    Unknown.NO_DISK: BilingualText(
        "the engine's disk cannot be seen from here",
        "엔진의 디스크를 여기서는 볼 수 없습니다",
    ),
}


class Finding(NamedTuple):
    """A hazard that is there; ``service`` "": it concerns the host.

    ``values`` fill the placeholders of the texts and of the line.
    """

    service: str
    values: Mapping[str, str]


class Unjudged(NamedTuple):
    """A check without a result, which is no hazard."""

    service: str
    why: Unknown


Check = Callable[[SetupProposal], Iterator[Finding | Unjudged]]


@dataclass(frozen=True, slots=True)
class HazardRule:
    """One kind of hazard: a row of the table.

    ``reason`` says what can happen, ``advice`` what to do. ``line`` is the compose
    line or the command that mends it.
    """

    code: str
    severity: Severity
    check: Check
    reason: BilingualText
    advice: BilingualText
    line: str
