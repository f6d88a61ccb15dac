"""Rules of wallet backups: what a copy is worth, and which backups may be removed.

They are pure; ``sidecar/backup`` copies, stores and proves.
"""
