"""Several watchdogs of one stack: the lease in Redis, which one of them holds."""
