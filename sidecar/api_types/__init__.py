"""The answers and bodies of the HTTP API: one type for each.

The server makes its JSON from them, the command line reads with them, and
``openapi.json`` is made from them. A field that is added later has a default, so that
the command line can read the answer of an older sidecar; unknown fields are ignored.
What an answer has of each target is without ``gc``: the objects of thousands of targets
would make the garbage collector look at all others, and they have no cycles.
Imports only ``core``.
"""
