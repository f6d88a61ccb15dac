"""The control socket: its place, which the server and the command line share."""

SOCKET_NAME = "sidecar.sock"
"""File name of the control socket, in the state directory."""
