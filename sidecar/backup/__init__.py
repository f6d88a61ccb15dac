"""Wallet backups: copy, store, prove. The rules are in ``sidecar/core/backup``."""
