"""The configuration: file, environment and labels; reports all faults at once."""
