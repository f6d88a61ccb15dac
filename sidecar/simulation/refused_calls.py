"""Calls that the simulated engine refuses."""

from typing import NoReturn

from sidecar.core.ports.engine import EngineRefused


class RefusedCalls:
    """Commands, followed logs and recreates: nothing of them is simulated."""

    async def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise EngineRefused("this is not simulated")

    follow_log = _refuse
    execute = _refuse
    plan_replacement = _refuse
    create_replacement = _refuse
    rename = _refuse
    remove_stopped = _refuse
    check_removal = _refuse
