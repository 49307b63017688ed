"""Whom we believe over TLS, as a client of other people's servers."""

import functools
import ssl

import httpx2


@functools.cache
def authorities() -> ssl.SSLContext:
    """Made once: reading the authorities takes 20 ms in which nobody else is served."""
    return httpx2.create_ssl_context()
