"""The rules of Sidecar: pure functions of state and time, standard library only.

No clock, chance, log or await. Each room may import only the rooms below it:

    step                            one step of the loop
    policy                          facts in, one decision out
    recovery   incidents            remedies and their limits; what people are told
    status     reporting    ports   targets now; past times; what the loop needs
    model                           values
    reason                          why something is so, as data and as a sentence
    text                            words and numbers for people

``circuit_breaker`` stands beside ``text``. tests/unit/test_architecture.py checks it.
"""
