"""The kinds of probes, a module each."""
