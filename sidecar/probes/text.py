"""Others' words on one line. Whoever masks them cuts them, and not before."""


def brief(message: str) -> str:
    """An error's text on one line; of a traceback only what it ends with."""
    last = message.strip().rsplit(" | ", 1)[-1]
    return " ".join(last.split())


def last_line(output: str) -> str:
    """The last line of a program's output; "" where it said nothing."""
    lines = output.strip().splitlines()
    return brief(lines[-1]) if lines else ""
