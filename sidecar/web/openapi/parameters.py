"""Parameters of the requests."""

from sidecar.api_types.words import DURATION
from sidecar.web.drill_controls import MAX_DRILLS
from sidecar.web.log_answer import MAX_LINES
from sidecar.web.openapi.operation import Parameter
from sidecar.web.routes.maintenance import MAX_RUNS
from sidecar.web.routes.public import WINDOWS
from sidecar.web.routes.status import MAX_PLANNED

_DURATION = {"type": "string", **DURATION}
_INCIDENT_ID = {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"}
_NAME = {"type": "string", "minLength": 1}

TARGET = Parameter("target", "A target or a replica, by name", _NAME, is_in_path=True)
REPLICA = Parameter("replica", "A replica, by number or name", _NAME, is_in_path=True)
INCIDENT = Parameter("id", "An incident", _INCIDENT_ID, is_in_path=True)
ACKED_INCIDENT = Parameter("incident", "An incident", _INCIDENT_ID, is_in_path=True)
CHANNEL = Parameter("channel", "A channel, by name", _NAME, is_in_path=True)
WINDOW = Parameter(
    "window", "The period until now", {"enum": list(WINDOWS)}, is_in_path=True
)
SIGNATURE = Parameter("t", "The signature of the link", {"type": "string"})
SINCE = Parameter("since", "How far back; 7d by default", _DURATION)
OF_TARGET = Parameter("target", "Only of this target or replica", {"type": "string"})
PERIOD = Parameter("window", "Length of the period; 30d by default", _DURATION)
WITH_DRILLS = Parameter(
    "drills", "1: what drills caused counts as well", {"enum": ["0", "1"]}
)
OPEN = Parameter("open", "1: only open incidents", {"enum": ["0", "1"]})
LANGUAGE = Parameter(
    "lang",
    "en or ko; with another value one that the client accepts",
    {"type": "string"},
)
BACKUP = Parameter("backup", "A backup, by its id", _NAME, is_in_path=True)
FILE = Parameter("name", "A file, by name", _NAME, is_in_path=True)
COUNT = Parameter(
    "count",
    "Number of restarts of each target; 5 by default",
    {"type": "integer", "minimum": 1, "maximum": MAX_PLANNED},
)
LIVENESS = Parameter(
    "liveness",
    "1: 503 only while a restart is due that Sidecar itself may not carry out",
    {"enum": ["0", "1"]},
)
DRAIN = Parameter(
    "drain",
    "The status while the replica is drained; 503 by default",
    {"enum": ["404", "503"]},
)
TASK = Parameter("task", "A maintenance task, by name", _NAME, is_in_path=True)
OF_TASK = Parameter("task", "Only runs of this task", {"type": "string"})
RUNS = Parameter(
    "runs",
    "Number of the last runs; 20 by default",
    {"type": "integer", "minimum": 0, "maximum": MAX_RUNS},
)
DRILL = Parameter("drill", "A drill, by its id", _NAME, is_in_path=True)
OF_FAULT = Parameter("fault", "Only drills with this fault", {"type": "string"})
DRILLS = Parameter(
    "count",
    "Number of the last drills; 20 by default",
    {"type": "integer", "minimum": 0, "maximum": MAX_DRILLS},
)
ENDED_SINCE = Parameter("since", "Only drills that ended so recently", _DURATION)
NETWORK = Parameter(
    "network", "Only addresses on this network of the engine", {"type": "string"}
)
LINES = Parameter(
    "lines",
    "At most so many of the last lines, and at most 64 kB; 100 by default",
    {"type": "integer", "minimum": 1, "maximum": MAX_LINES},
)
NOT_OLDER = Parameter("since", "Only lines that are not older", _DURATION)
FOLLOW = Parameter("follow", "1: also new lines, without end", {"enum": ["0", "1"]})
