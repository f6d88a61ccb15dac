"""The list of paths, for those who ask without a browser."""

_INDEX = """\
sidecar {version}

/                           this list; in a browser the status page
/livez                      is this process alive?
/readyz                     does everything of it work?
/healthz                    do all targets work?
/healthz/TARGET[/REPLICA]   does this one?
/metrics                    Prometheus
/api/v1/status              everything at a glance
/api/v1/schedule            planned restarts
/api/v1/incidents           what went wrong; /ID and /ID/postmortem for one
/api/v1/history             what happened
/api/v1/remedies            which remedies helped against what
/api/v1/report              availability, outages, restarts
/api/v1/events              what happens, as server-sent events
"""


def index_text(version: str) -> str:
    """The list as plain text."""
    return _INDEX.format(version=version)
