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
/api/v1/explain/TARGET      which guards object, and what the next failure leads to
/api/v1/forecast            memory, and when it reaches its limit
/api/v1/schedule            planned restarts
/api/v1/maintenance         maintenance windows, tasks, and their last runs
/api/v1/balancer/traefik    servers that get requests, for Traefik's HTTP provider
/api/v1/incidents           what went wrong; /ID and /ID/postmortem for one
/api/v1/history             what happened
/api/v1/remedies            which remedies helped against what
/api/v1/report              availability, outages, restarts
/api/v1/events              what happens, as server-sent events
/api/v1/logs/TARGET         its log, for authorised requests
/api/v2/summary.json        the status in the shape of Statuspage; status.json
/feed.atom                  incidents and planned restarts, as a feed
/badge/TARGET/state.svg     a picture; /badge/TARGET/availability/30d.svg
/openapi.json               the description of this API
"""


def index_text(version: str) -> str:
    """The list as plain text."""
    return _INDEX.format(version=version)
