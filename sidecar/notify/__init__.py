"""Messages out: the runner of the outbox, texts, channels, hooks, the heartbeat."""
