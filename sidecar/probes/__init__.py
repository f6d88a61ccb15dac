"""One file per kind of probe, and the table from settings to probe."""
