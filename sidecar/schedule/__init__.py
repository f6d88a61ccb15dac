"""Planned restarts: cron lines turned into due events."""
