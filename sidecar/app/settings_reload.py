"""Reload of the configuration file while the sidecar runs."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from sidecar.app.contexts import MessageContext
from sidecar.app.identity import find_host_name
from sidecar.config.file.last_good import keep_settings
from sidecar.config.load import load
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.settings import Settings
from sidecar.core.model.event import SettingsRefused
from sidecar.core.ports.loop import Clock, Post
from sidecar.notify.message_catalog import read_catalog

SHOWN_FILE_PROBLEMS = 20
"""Number of problems in a message; the log has all of them."""

Apply = Callable[[Settings, MessageContext], Awaitable[None]]
"""Puts new settings in force."""


def join_problems(faults: tuple[ConfigProblem, ...]) -> str:
    """The first SHOWN_FILE_PROBLEMS problems, a line each, for messages."""
    return "\n".join(fault.line for fault in faults[:SHOWN_FILE_PROBLEMS])


def keep_last_good(settings: Settings) -> None:
    """Save the settings for the next start, in case the file has faults by then."""
    try:
        keep_settings(settings)
    except OSError as error:
        why = error.strerror or error
        logger.warning("the file could not be kept as the last good one: {}", why)


class SettingsReload:
    """Reads the file at a signal or an order; a file with faults changes nothing."""

    def __init__(
        self,
        file: Path | None,
        settings: Settings,
        texts: MessageContext,
        stack: str,
        clock: Clock,
        post: Post,
    ) -> None:
        self._file = file
        self._texts = texts
        self._stack = stack
        self._clock = clock
        self._post = post
        self._reloading = asyncio.Lock()
        self.settings = settings

    async def run(self, changed: asyncio.Event, apply: Apply) -> None:
        """Reload each time that ``changed`` is set, until cancelled."""
        while True:
            await changed.wait()
            changed.clear()
            try:
                await self.reload(apply)
            except Exception:  # noqa: BLE001  no reload may end the watch
                logger.exception(
                    "the file could not be read again; all goes on as it is"
                )

    async def reload(self, apply: Apply) -> tuple[str, ...]:
        """Apply the file as it is now.

        Returns its faults, a line each; with faults nothing changes.
        """
        async with self._reloading:
            try:
                settings, texts = await asyncio.to_thread(self._read)
            except ConfigError as error:
                return self._refuse(error.faults)
            self.settings = settings
            await apply(settings, texts)
            for warning in settings.warnings:
                logger.warning("{}", warning)
            logger.info("the configuration file was read again and is in force")
        return ()

    def _read(self) -> tuple[Settings, MessageContext]:
        settings = load(os.environ, self._file)
        if settings.stack not in {self.settings.stack, self._stack}:
            hint = "another stack needs a restart of Sidecar"
            stack_text = repr(settings.stack) if settings.stack else "nothing"
            problem = ConfigProblem("stack", stack_text, repr(self._stack), hint)
            raise ConfigError([problem])
        keep_last_good(settings)
        texts = self._texts._replace(
            words=read_catalog(settings.language),
            zone=ZoneInfo(settings.notify.timezone),
            host=find_host_name(settings),
        )
        return settings, texts

    def _refuse(self, faults: tuple[ConfigProblem, ...]) -> tuple[str, ...]:
        for fault in faults:
            logger.error(
                "the file is not taken, what is in force stays: {}", fault.line
            )
        self._post(SettingsRefused(self._clock.now(), join_problems(faults)))
        return tuple(fault.line for fault in faults)
