"""Who signed a request on AWS's wire, and for which service. Signatures are made by every client and not verified."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["ACCESS_KEY", "AWS", "SECRET_KEY", "access_key_of", "service_of"]

AWS = "/aws"
ACCESS_KEY, SECRET_KEY = "SANDBOX-ACCESS-KEY", "sandbox-secret-that-opens-nothing"
"""The pair that opens this wire; only the id is looked at. Neither has a key's shape, which would be cut when told."""

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/]+/[^/]+/([^/]+)/aws4_request")


def access_key_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id of the access key; empty where nobody signed."""
    found = _CREDENTIAL.search(_authorization(headers))
    return found[1] if found else ""


def service_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """ "bedrock" or "s3"; empty where nobody signed."""
    found = _CREDENTIAL.search(_authorization(headers))
    return found[2] if found else ""


def _authorization(headers: Iterable[tuple[bytes, bytes]]) -> str:
    return dict(headers).get(b"authorization", b"").decode("latin-1")
