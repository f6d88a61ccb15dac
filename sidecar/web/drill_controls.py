"""Orders about drills: their objections, their begin, their end."""

from sidecar.api_types.drills import (
    DrillBody,
    DrillExpectation,
    DrillObjection,
    DrillPreview,
    DrillSummary,
)
from sidecar.core.drills.objection import find_drill_objection
from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_event import DrillCancelled, DrillRequested
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.incident import new_id
from sidecar.core.model.instance import Instance
from sidecar.core.text.known_names import list_known
from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices
from sidecar.web.target_names import find_instance
from sidecar.web.views.drills import (
    reader_of,
    show_current,
    show_expectation,
    show_record,
)

MAX_DRILLS = 500


class DrillControls:
    """The orders. Each raises RequestRefused where it cannot be given.

    ``name`` is the name of a target with one replica, or of a replica.
    """

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    async def preview(self, name: str, body: DrillBody) -> DrillPreview:
        """The preview of a drill, with what objects to it."""
        instance, fault = self._find(name, body)
        facts = await self._services.drills.find_facts(instance.id, fault)
        objection = self._object(instance, fault, facts, yes=body.yes)
        return DrillPreview(self._expect(instance, fault), objection)

    async def order(self, name: str, body: DrillBody) -> DrillSummary | DrillObjection:
        """Begin a drill, unless something objects."""
        instance, fault = self._find(name, body)
        facts = await self._services.drills.find_facts(instance.id, fault)
        objection = self._object(instance, fault, facts, yes=body.yes)
        if objection is not None:
            return objection
        at = self._services.clock.now()
        drill_id = new_id(instance.name, at)
        await self._services.ask(
            DrillRequested(
                at,
                drill_id,
                instance.id,
                fault,
                forced=body.yes,
                facts=facts,
            )
        )
        return await self.find(drill_id, details=True)

    async def cancel(self, drill_id: str) -> DrillSummary:
        """End the drill that is under way; the fault is undone at once."""
        drill = self._services.state().drill
        if drill is None or drill.id != drill_id.upper():
            await self.find(drill_id, details=True)
            raise RequestRefused(409, f"the drill {drill_id} has ended")
        await self._services.ask(DrillCancelled(self._services.clock.now(), drill.id))
        return await self.find(drill.id, details=True)

    async def find(self, drill_id: str, *, details: bool) -> DrillSummary:
        """A drill by its id; ``details``: the reader may see all reasons."""
        drill, show = self._services.state().drill, reader_of(details=details)
        drill_id = drill_id.upper()
        if drill is not None and drill.id == drill_id:
            return show_current(drill, show)
        for record in await self._services.journal.drills(MAX_DRILLS):
            if record.id == drill_id:
                return show_record(record, show)
        raise RequestRefused(404, f"there is no drill {drill_id[:40]} on record")

    def _find(self, name: str, body: DrillBody) -> tuple[Instance, DrillFault]:
        try:
            fault = DrillFault(body.fault)
        except ValueError:
            known = list_known(body.fault, list(DrillFault))
            raise RequestRefused(
                400, f"there is no fault {body.fault[:40]}; {known}"
            ) from None
        return find_instance(self._services.state(), name), fault

    def _expect(self, instance: Instance, fault: DrillFault) -> DrillExpectation:
        return show_expectation(self._services.state(), instance, fault)

    def _object(
        self, instance: Instance, fault: DrillFault, facts: DrillFacts, *, yes: bool
    ) -> DrillObjection | None:
        state, at = self._services.state(), self._services.clock.now()
        reason = find_drill_objection(state, instance.id, fault, facts, at, forced=yes)
        if reason is None:
            return None
        stays = yes or find_drill_objection(
            state, instance.id, fault, facts, at, forced=True
        )
        return DrillObjection(str(reason), reason.code, yes_helps=not stays)
