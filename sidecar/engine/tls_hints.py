"""Advice for an error of TLS between Sidecar and the engine. Pure."""

_FOLDER = "DOCKER_CERT_PATH"
_HINTS = (
    ("certificate has expired", "renew the engine's certificate"),
    (
        "certificate is not valid for",
        "the engine's certificate is not for the name in DOCKER_HOST",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        f"ca.pem in {_FOLDER} is not the authority of the engine's certificate",
    ),
    (
        "ALERT_CERTIFICATE_EXPIRED",
        f"Sidecar's own certificate has expired: renew cert.pem in {_FOLDER}",
    ),
    ("ALERT", f"the engine does not accept cert.pem in {_FOLDER}"),
    ("KEY_VALUES_MISMATCH", f"key.pem in {_FOLDER} is not the key of cert.pem"),
    ("NO_CERTIFICATE_OR_CRL", f"ca.pem in {_FOLDER} is no PEM file"),
    ("PEM lib", f"cert.pem or key.pem in {_FOLDER} is no PEM file"),
    ("EOF occurred", f"does the engine accept cert.pem in {_FOLDER}?"),
    ("WRONG_VERSION_NUMBER", "this port has no TLS: unset DOCKER_TLS_VERIFY"),
)
"""Parts of OpenSSL's texts, the more special ones first, each with its hint."""


def find_tls_hint(text: str) -> str:
    """A hint about an error of OpenSSL, in brackets; empty: there is none."""
    hint = next((hint for part, hint in _HINTS if part in text), "")
    return f" ({hint})" if hint else ""
