"""Grafana dashboards as code; ``scripts/dashboards`` writes compose/grafana/."""
