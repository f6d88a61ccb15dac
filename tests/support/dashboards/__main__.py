"""Write every dashboard into the folder that is given."""

import sys
from pathlib import Path

from tests.support.dashboards.catalogue import DASHBOARDS
from tests.support.dashboards.panels import write_dashboard

for spec in DASHBOARDS:
    path = Path(sys.argv[1]) / f"{spec.uid}.json"
    path.write_text(write_dashboard(spec))
