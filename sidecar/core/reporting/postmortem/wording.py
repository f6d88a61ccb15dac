"""Phrases and counts that all parts of a post-mortem use."""

BLANK = "**To be filled in:**"


def join_names(names: list[str]) -> str:
    """Names as a list in a sentence: ``a, b and c``."""
    if len(names) < 2:  # noqa: PLR2004 - a list with "and" needs two
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def describe_help(count: int) -> str:
    """Number of times that a remedy helped: ``never helped``, ``helped twice``."""
    return f"helped {count_times(count)}" if count else "never helped"


def count_times(count: int) -> str:
    """A number of times: ``never``, ``once``, ``3 times``."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def with_spaces(word: object) -> str:
    """A public name as people write it: ``load wallet``."""
    return str(word).replace("_", " ")
