"""Writing: changes are collected in a batch and inserted by one thread."""
