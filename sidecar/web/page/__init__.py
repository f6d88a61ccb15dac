"""The status page: view models, texts, templates and static files."""
