"""The rules of Sidecar: pure functions of state and time, standard library only.

No clock, randomness, log or await. Each folder may import only the folders below it:

    step                            one step of the loop
    policy                          the decision about an instance
    recovery   incidents            remedies and their limits; messages to people
    status     reporting    ports   current state; reports; interfaces of the loop
    model                           values
    reason                          reasons as data and as sentences
    text                            words and numbers for people

``circuit_breaker`` is on the level of ``text``. tests/unit/test_architecture.py checks
the order.
"""
