"""The post-mortem of an incident, as a Markdown document."""
