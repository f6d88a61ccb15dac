"""The configuration file: its YAML, its schema, its sections."""
