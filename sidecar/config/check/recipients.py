"""Checks of the recipients of sealed backups: public keys of age or SSH."""

from collections.abc import Iterator, Sequence

from sidecar.config.problem import ConfigProblem, quote_value

_ALLOWED = "a public key: age1..., ssh-ed25519 ... or ssh-rsa ..."
_PRIVATE_MARKS = ("AGE-SECRET-KEY", "PRIVATE KEY")
_PLUGIN_DIVIDER = "1"
"""The key of a plugin has a second divider: age1yubikey1... ."""
_MOST_SHOWN = 80
"""A key of age has 62 characters."""
_SSH_KINDS = ("ssh-ed25519 ", "ssh-rsa ")


def recipient_faults(path: str, recipients: Sequence[str]) -> Iterator[ConfigProblem]:
    """Faults of recipients, each with its index; a private key is never shown."""
    for index, recipient in enumerate(recipients):
        key, recipient_text = f"{path}[{index}]", quote_value(recipient, _MOST_SHOWN)
        if any(mark in recipient.upper() for mark in _PRIVATE_MARKS):
            hint = "keep it off this host; age-keygen -y FILE prints its public key"
            yield ConfigProblem(key, "a private key", _ALLOWED, hint)
        elif _is_plugin_key(recipient):
            hint = "keys of plugins need the plugin's program: use another key"
            yield ConfigProblem(key, recipient_text, _ALLOWED, hint)
        elif not _is_recipient(recipient):
            yield ConfigProblem(key, recipient_text, _ALLOWED)
        elif recipient in recipients[:index]:
            yield ConfigProblem(key, recipient_text, "each recipient once")


def _is_plugin_key(recipient: str) -> bool:
    prefix, _, rest = recipient.partition(_PLUGIN_DIVIDER)
    return prefix == "age" and _PLUGIN_DIVIDER in rest


def _is_recipient(recipient: str) -> bool:
    import pyrage  # noqa: PLC0415 - needed only where backups are sealed

    try:
        if recipient.startswith("age1"):
            pyrage.x25519.Recipient.from_str(recipient)
        elif recipient.startswith(_SSH_KINDS):
            pyrage.ssh.Recipient.from_str(recipient)
        else:
            return False
    except pyrage.RecipientError:
        return False
    return True
