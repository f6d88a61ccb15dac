"""Every metric in one catalogue; the one place that configures the log."""
