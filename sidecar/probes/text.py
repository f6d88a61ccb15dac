"""Foreign texts on one line. They are cut only after they were masked."""


def one_line(message: str) -> str:
    """An error's text on one line; of a traceback only its last part."""
    last = message.strip().rsplit(" | ", 1)[-1]
    return " ".join(last.split())


def last_line(output: str) -> str:
    """The last line of a program's output; "" if there is none."""
    lines = output.strip().splitlines()
    return one_line(lines[-1]) if lines else ""
