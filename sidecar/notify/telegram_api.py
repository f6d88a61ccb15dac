"""The Bot API of Telegram: a call, its answer, and its errors in plain words."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from sidecar.notify.delivery import (
    DeliveryResult,
    permanent_failure,
)
from sidecar.notify.service_client import (
    MOST_BYTES,
    TIMEOUT_S,
    ServiceAnswer,
    ServiceClient,
    ServiceFailure,
    strange_answer,
)

MOST_TEXT = 4_096
"""Units of 16 bits in a message; more are refused."""
MOST_NOTICE = 200
"""Characters in the answer to a button."""

UNAUTHORIZED = 401
NOT_FOUND = 404
CONFLICT = 409
_FIRST_ERROR = 300
_NOT_OK = 500
"""Counts where an answer names no error code."""
_HINTS: Mapping[int, str] = {
    UNAUTHORIZED: "Telegram does not accept bot_token",
    NOT_FOUND: "Telegram knows no bot with this bot_token",
    CONFLICT: "another program reads the answers to this bot: it needs its own bot",
}

R = TypeVar("R")


class TelegramRefusal(Exception):
    """A call failed; ``status`` is 0 where Telegram did not answer."""

    def __init__(self, status: int, result: DeliveryResult) -> None:
        super().__init__(result.error)
        self.status = status
        self.result = result


class _Parameters(msgspec.Struct):
    retry_after: int | None = None
    migrate_to_chat_id: int | None = None


class _Answer(msgspec.Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int | None = None
    description: str = ""
    parameters: _Parameters | None = None


class TelegramApi:
    """Calls methods of one bot. The token is part of the address: no error shows it."""

    def __init__(self, server: str, bot_token: str, client: ServiceClient) -> None:
        self._address = f"{server}/bot{bot_token}"
        self._client = client

    async def call(
        self,
        method: str,
        parameters: Mapping[str, Any],
        kind: type[R],
        *,
        timeout_s: float = TIMEOUT_S,
        most_bytes: int = MOST_BYTES,
    ) -> R:
        """The result of a method, as ``kind``. Raises TelegramRefusal."""
        try:
            answer = await self._client.post(
                f"{self._address}/{method}",
                parameters,
                {},
                timeout_s=timeout_s,
                most_bytes=most_bytes,
            )
        except ServiceFailure as failure:
            raise TelegramRefusal(0, failure.result) from None
        try:
            content = msgspec.json.decode(answer.body, type=_Answer)
            if content.ok and answer.status < _FIRST_ERROR:
                return msgspec.json.decode(content.result, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._unreadable(answer) from None
        raise self._read_refusal(answer, content)

    def _unreadable(self, answer: ServiceAnswer) -> TelegramRefusal:
        is_success = answer.status < _FIRST_ERROR
        result = (
            strange_answer(answer, "Telegram")
            if is_success
            else self._client.refusal(answer.status, answer.retry_after, "")
        )
        return TelegramRefusal(answer.status, result)

    def _read_refusal(self, answer: ServiceAnswer, content: _Answer) -> TelegramRefusal:
        statuses = (content.error_code or 0, answer.status, _NOT_OK)
        status = next(s for s in statuses if s >= _FIRST_ERROR)
        parameters = content.parameters or _Parameters()
        hint = _HINTS.get(status, "")
        words = f"{hint} ({content.description})" if hint else content.description
        if parameters.migrate_to_chat_id is not None:
            # The words of Telegram do not have the number.
            error = (
                f"the chat has a new number: chat_id {parameters.migrate_to_chat_id}"
            )
            return TelegramRefusal(status, permanent_failure(error))
        asked = parameters.retry_after
        retry_after = answer.retry_after if asked is None else str(asked)
        return TelegramRefusal(status, self._client.refusal(status, retry_after, words))
