"""The container engine. The only importer of the docker SDK, whose types stop here.

``EngineConnection.from_environ`` makes the connection, which by itself can neither
name a container nor act; ``find_own_container`` finds our stack through it;
``DockerEngine(link, stack)`` is the engine limited to that stack.
"""
