"""Recipients of sealed backups are checked at the door."""

import pytest

from sidecar.config.check.recipients import recipient_faults

AGE = "age1uldkh44ew5vshzxhtaxmwyazhq7c7nk7xc8ma5p65q78ex644qmqm8vdx5"
SSH = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDaaDPMEo2NYbxsvNDC+d8jKyEb8UfDPPHL7z9u4ef1U"
    " an operator@office"
)
PATH = "targets.wallet.backup.recipients"


def test_public_keys_of_age_and_ssh_are_good() -> None:
    assert list(recipient_faults(PATH, (AGE, SSH))) == []


@pytest.mark.parametrize(
    "recipient",
    [
        "operator@example.org",
        AGE[:-1] + "q",  # its checksum is wrong
        AGE.replace("age1u", "age1v"),
        AGE[:-5],
        "ssh-ed25519 AAAA operator",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY",
        "/home/operator/key.pub",
        "",
    ],
)
def test_other_text_is_refused_with_its_key_value_and_what_is_allowed(
    recipient: str,
) -> None:
    (fault,) = recipient_faults(PATH, (AGE, recipient))
    assert fault.path == f"{PATH}[1]"
    assert repr(recipient[:10])[1:-1] in fault.line
    assert "age1..., ssh-ed25519" in fault.line


@pytest.mark.parametrize(
    "key",
    [
        "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ3X",
        "age-secret-key-1qqqq",
        "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXk",
    ],
)
def test_private_key_is_refused_and_never_shown(key: str) -> None:
    (fault,) = recipient_faults(PATH, (key,))
    assert "a private key" in fault.line
    assert "keep it off this host" in fault.line
    assert key[-8:] not in fault.line


def test_key_of_a_plugin_is_refused_with_its_reason() -> None:
    plugin = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"
    (fault,) = recipient_faults(PATH, (plugin,))
    assert "plugin" in fault.line


def test_recipient_that_is_named_twice_is_a_fault() -> None:
    (fault,) = recipient_faults(PATH, (AGE, SSH, AGE))
    assert (fault.path, fault.allowed) == (f"{PATH}[2]", "each recipient once")
