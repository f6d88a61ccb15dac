"""The settings: file, environment and labels, all faults at once."""
