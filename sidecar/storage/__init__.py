"""SQLite persistence: state, journal, outbox, evidence."""
