"""A TLS server for models.test and 127.0.0.1, with a certificate that nobody else trusts."""

from __future__ import annotations

import atexit
import ssl
import tempfile
from pathlib import Path

import trustme

NAME = "models.test"
_AUTHORITY = trustme.CA()
_SERVER = _AUTHORITY.issue_cert(NAME, "127.0.0.1")
_FOLDER = tempfile.TemporaryDirectory()
atexit.register(_FOLDER.cleanup)

CERTIFICATE = Path(_FOLDER.name) / "authority.pem"
_AUTHORITY.cert_pem.write_to_path(CERTIFICATE)


def server_context(asked: list[str | None]) -> ssl.SSLContext:
    """Notes which names clients ask for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _SERVER.configure_cert(context)
    context.sni_callback = lambda connection, name, of: asked.append(name)
    return context


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))
