"""The requests about drills."""

from sidecar.api_types import drills
from sidecar.web.openapi import parameters
from sidecar.web.openapi.operation import change, read, refuse

DRILL_OPERATIONS = (
    read(
        "/api/v1/drills",
        "past",
        "The drill under way, the last drills, and the next planned ones",
        drills.DrillList,
        parameters.DRILLS,
        parameters.OF_TARGET,
        parameters.OF_FAULT,
        parameters.ENDED_SINCE,
        errors=(400,),
    )._replace(shows_more_with_token=True),
    read(
        "/api/v1/drills/{drill}",
        "past",
        "One drill, under way or on record",
        drills.DrillSummary,
        parameters.DRILL,
        errors=(400, 404),
    )._replace(shows_more_with_token=True),
    change(
        "/api/v1/targets/{target}/drill",
        "Do a fault to a replica, and measure; or, as a dry run, what would happen",
        drills.DrillAnswer,
        parameters.TARGET,
        body=drills.DrillBody,
        done=202,
        more={200: drills.DrillPreview, 409: drills.DrillObjection},
    ),
    change(
        "/api/v1/drills/{drill}/cancel",
        "End a drill: the fault is undone at once",
        drills.DrillAnswer,
        parameters.DRILL,
        done=202,
        more=refuse(409),
    ),
)
