"""All dashboards, and where their JSON is."""

from tests.support.dashboards.incidents import INCIDENTS
from tests.support.dashboards.overview import OVERVIEW
from tests.support.dashboards.own import OWN_BOARD
from tests.support.dashboards.target import TARGET_BOARD
from tests.support.repository import REPOSITORY

DASHBOARDS = (OVERVIEW, TARGET_BOARD, INCIDENTS, OWN_BOARD)
FOLDER = REPOSITORY / "compose" / "grafana"
