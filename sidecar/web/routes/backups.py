"""The endpoints of backups of wallet files, for authorised requests only."""

from aiohttp import web

from sidecar.api_types.backups import BackupBody, OrderBegun
from sidecar.api_types.control import EmptyBody
from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.text.formatting import rfc3339
from sidecar.web.auth import Handler, require_authorisation
from sidecar.web.request_body import read_body
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.target_names import find_target_name
from sidecar.web.views.backups import backup_list, restored_backup

PATH = "/api/v1/backups"


class BackupRoutes:
    """GET and POST below /api/v1/backups."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get(PATH, self._when_authorised(self._list)),
            web.post(f"{PATH}/{{target}}/run", self._when_authorised(self._run)),
            web.post(f"{PATH}/{{target}}/verify", self._when_authorised(self._verify)),
            web.post(
                f"{PATH}/{{target}}/{{backup}}/restore",
                self._when_authorised(self._restore),
            ),
        ]

    def _when_authorised(self, handler: Handler) -> Handler:
        return require_authorisation(self._services.token, handler)

    async def _list(self, _: web.Request) -> web.Response:
        return json_response(backup_list(await self._services.backups.overview()))

    async def _run(self, request: web.Request) -> web.Response:
        body = await read_body(request, BackupBody)
        target = self._target(request)
        is_begun = self._services.backups.begin_run(target, accept=body.accept)
        return self._answer(target, is_begun=is_begun)

    async def _verify(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        target = self._target(request)
        return self._answer(
            target, is_begun=self._services.backups.begin_verification(target)
        )

    async def _restore(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        target, backup_id = self._target(request), request.match_info["backup"]
        try:
            restored = await self._services.backups.restore(target, backup_id)
        except BackupEdgeError as error:
            raise RequestRefused(409, str(error.reason)) from error
        return json_response(restored_backup(restored))

    def _target(self, request: web.Request) -> str:
        """The target's name; RequestRefused: unknown, or without backups."""
        state = self._services.state()
        name = find_target_name(state, request.match_info["target"])
        if state.targets[name].backup is None:
            raise RequestRefused(
                409, f"{name} has no backups: add targets.{name}.backup to the file"
            )
        return name

    def _answer(self, target: str, *, is_begun: bool) -> web.Response:
        if not is_begun:
            raise RequestRefused(409, f"an order for {target} is being carried out")
        begun_at = rfc3339(self._services.clock.now().wall)
        return json_response(OrderBegun(target=target, begun_at=begun_at), 202)
