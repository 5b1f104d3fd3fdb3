"""Tells visitors apart for the pages' limits without keeping their addresses."""

import hashlib
import hmac
import ipaddress

from starlette.requests import Request


def bucket_of(request: Request, key: bytes, what: str = "form") -> str:
    """The ledger's name for what a visitor does: a keyed digest of the address.

    Of an IPv6 network, since a home has a whole one. Behind a proxy the server puts the visitor's own address there
    (uvicorn's `--forwarded-allow-ips`).
    """
    said = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(said)
        if isinstance(address, ipaddress.IPv6Address):
            said = str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    except ValueError:
        pass
    return f"{what}:{hmac.new(key, said.encode(), hashlib.sha256).hexdigest()[:24]}"
