"""Fetches addresses that strangers can influence, such as feeds: nothing of it can make us call our own network.

A name is looked up once a connection and the connection goes to the very address that was judged, so that a name which
answers with another address the second time gains nothing. Redirects are followed within limits, each hop judged anew.
Body and time are limited as a whole: a body that is a bomb when unpacked, or drips, ends at the limit. No proxy of the
environment is used, since it would look the name up by itself.
"""

import functools
import ipaddress
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Timer
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from integrations.channels.base import ChannelError, Never, TryAgain
from integrations.http import CONNECT_SECONDS, READ_SECONDS, host_of, refusal, user_agent

MOST_BYTES = 5 * 1024 * 1024
"""Of a body, unpacked."""
MOST_SECONDS = 60.0
"""From the first look-up to the last byte, over all redirects."""
MOST_REDIRECTS = 5

_MOVED = frozenset({301, 302, 303, 307, 308})
_FOR_GOOD = frozenset({301, 308})
_NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError)
_CHUNK = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SHARED = ipaddress.ip_network("100.64.0.0/10")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""The IP addresses of a host name; raises OSError."""
Place = tuple[str, int]
"""A host, in lower case, and a port."""


class Inside(Never):
    """An address of our own network, or of no network: nothing was asked there."""


@dataclass(frozen=True)
class Fetched:
    """What was found, and where in the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    moved_for_good: bool = False
    """Every redirect on the way said that it is meant to last: `url` is the new address."""


def fetch(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    expected: frozenset[int] = frozenset(),
    inside: frozenset[Place] = frozenset(),
    most_bytes: int = MOST_BYTES,
    seconds: float = MOST_SECONDS,
    connect: float = CONNECT_SECONDS,
    silence: float = READ_SECONDS,
    now: Callable[[], datetime] | None = None,
    resolve: Resolve | None = None,
) -> Fetched:
    """Get one address, following redirects; a successful answer, or one whose status is among `expected`.

    `inside`: where an operator lets us call private addresses (RFC 1918, 4193, 6598, loopback). `silence`: seconds
    without a byte. Raises Inside for what must not be called, Never for what will not be answered, TryAgain else.
    """
    way = _Way(inside, most_bytes, time.monotonic() + seconds, connect, silence, resolve or _look_up)
    for_good, asked = True, url
    for _ in range(MOST_REDIRECTS + 1):
        answer = _once(asked, headers or {}, way)
        if answer.status not in _MOVED or answer.status in expected:
            if 200 <= answer.status < 300 or answer.status in expected:
                return Fetched(answer.status, answer.headers, answer.body, asked, for_good and asked != url)
            raise _refused(answer, asked, now)
        to = answer.headers.get("Location")
        if not to:
            raise Never(
                f"{host_of(asked)} sends us elsewhere without saying where; correct the address in the settings"
            )
        for_good = for_good and answer.status in _FOR_GOOD
        asked = _next(asked, to)
    raise Never(f"{host_of(url)} sends us on and on: more than {MOST_REDIRECTS} redirects; correct the address")


def is_public(address: Address) -> bool:
    """Whether anybody's server may stand there: no private, loopback, link-local, multicast or reserved address.

    An IPv4 address that an IPv6 one carries (mapped, 6to4, Teredo, NAT64) is judged in its place.
    """
    carried = _carried(address)
    if carried is not None:
        return is_public(carried)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def may_be_allowed(address: Address) -> bool:
    """Whether an operator may allow this one: private or loopback, never link-local, where clouds keep credentials."""
    carried = _carried(address)
    if carried is not None:
        return may_be_allowed(carried)
    if address.is_link_local or address.is_multicast or address.is_reserved or address.is_unspecified:
        # ::1 counts as reserved.
        return address.is_loopback
    return address.is_private or address.is_loopback or (address.version == 4 and address in _SHARED)


def place_of(url: str) -> Place:
    """Host and port of an address. Raises ValueError where it has none, or is not for the web."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no address of the web")
    return parts.hostname.lower().rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    if address.version == 4:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _next(asked: str, to: str) -> str:
    """Where a redirect leads. Raises Inside where that is not the web."""
    # Servers send bytes; requests reads them as Latin-1.
    with suppress(UnicodeError):
        to = to.encode("latin-1").decode("utf-8")
    try:
        found = urljoin(asked, to.strip())
        place_of(found)
        if urlsplit(found).username is not None:
            raise ValueError("a name and password in the address")
    except ValueError:
        raise Inside(f"{host_of(asked)} sends us to what is no address of the web: not followed") from None
    return found


def _refused(answer: Fetched, url: str, now: Callable[[], datetime] | None) -> ChannelError:
    return refusal(answer.status, answer.headers, safe=True, to=host_of(url), now=now() if now is not None else None)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True)
class _Way:
    """What holds for every hop of one fetch."""

    inside: frozenset[Place]
    most_bytes: int
    until: float
    """By the monotonic clock."""
    connect: float
    silence: float
    resolve: Resolve


class _Gate:
    """Connects to the addresses of a host that may be called, and cuts every line when the time is over."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        self._lines: list[socket.socket] = []
        self.over = False

    def line_to(self, host: str, port: int, connection: HTTPConnection) -> socket.socket:
        """A socket to the first address that answers. Raises Inside, or urllib3's errors."""
        try:
            found = [ipaddress.ip_address(one.partition("%")[0]) for one in self._way.resolve(host, port)]
        except (OSError, UnicodeError, ValueError) as error:
            raise NameResolutionError(host, connection, socket.gaierror(str(error))) from error
        allowed = (host.lower().rstrip("."), port) in self._way.inside
        fit = [one for one in found if is_public(one) or (allowed and may_be_allowed(one))]
        if not fit:
            raise Inside(
                f"{host} stands at an address of a private network, or of none: it is not called; if it is your own,"
                " say so in the settings (`inside: true`)"
            )
        last: OSError | None = None
        for address in fit[:4]:
            left = self._way.until - time.monotonic()
            if left <= 0:
                break
            try:
                line = socket.create_connection((str(address), port), timeout=min(self._way.connect, left))
            except OSError as error:
                last = error
                continue
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines.append(line.dup())
            return line
        if last is None or isinstance(last, TimeoutError):
            raise ConnectTimeoutError(connection, f"{host} does not answer")
        raise NewConnectionError(connection, f"{host}: {last}") from last

    def cut(self) -> None:
        """End every line, whatever is still on its way."""
        self.over = True
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the lines."""
        for line in self._lines:
            with suppress(OSError):
                line.close()


class _Plain(HTTPConnection):
    def __init__(self, *args: Any, gate: _Gate, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gate = gate

    def _new_conn(self) -> socket.socket:
        return self._gate.line_to(self._dns_host, self.port or 80, self)


class _Encrypted(HTTPSConnection):
    def __init__(self, *args: Any, gate: _Gate, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gate = gate

    def _new_conn(self) -> socket.socket:
        return self._gate.line_to(self._dns_host, self.port or 443, self)


class _Guarded(HTTPAdapter):
    """Every connection that requests opens goes through the gate."""

    def __init__(self, gate: _Gate) -> None:
        self._gate = gate
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """The pool that makes our own connections."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        kind = _Encrypted if pool.scheme == "https" else _Plain
        pool.ConnectionCls = functools.partial(kind, gate=self._gate)
        return pool


@contextmanager
def _gate(way: _Way) -> Iterator[_Gate]:
    gate = _Gate(way)
    alarm = Timer(max(way.until - time.monotonic(), 0.0), gate.cut)
    alarm.daemon = True
    alarm.start()
    try:
        yield gate
    finally:
        alarm.cancel()
        gate.close()


def _once(url: str, headers: Mapping[str, str], way: _Way) -> Fetched:
    to = host_of(url)
    with _gate(way) as gate, requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Guarded(gate))
        sent = {"User-Agent": user_agent(), "Accept": "*/*", **headers, "Accept-Encoding": "gzip"}
        try:
            with session.get(
                url, headers=sent, timeout=(way.connect, way.silence), allow_redirects=False, stream=True
            ) as response:
                body = b"" if response.status_code in _MOVED else _body_of(response, way.most_bytes, to)
                found = Fetched(response.status_code, response.headers, body, url)
        except _NO_ADDRESS as error:
            raise Never(f"the address of {to} cannot be used; correct it in the settings") from error
        except (requests.RequestException, HTTPError, OSError) as error:
            if gate.over:
                raise TryAgain(f"{to} answers too slowly: it was not done in time") from error
            raise TryAgain(f"{to} did not answer, or not to the end") from error
        except ValueError as error:
            # requests takes the address of a redirect apart, also of one that it does not follow.
            raise Inside(f"{to} sends us to what is no address of the web: not followed") from error
    if gate.over:
        raise TryAgain(f"{to} answers too slowly: it was not done in time")
    return found


def _body_of(response: requests.Response, most: int, to: str) -> bytes:
    """The body, unpacked by ourselves, so that no more of it is made than we take."""
    packing = response.headers.get("Content-Encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise Never(f"{to} packs its answer in a way that we did not ask for")
    packed = bytearray()
    while piece := response.raw.read(_CHUNK, decode_content=False):
        packed += piece
        if len(packed) > most:
            raise _too_large(to, most)
    if not packing or packing == "identity":
        return bytes(packed)
    return _unpacked(bytes(packed), most, to)


def _unpacked(packed: bytes, most: int, to: str) -> bytes:
    body = bytearray()
    while packed:
        member = zlib.decompressobj(wbits=31)
        try:
            body += member.decompress(packed, most + 1 - len(body))
        except zlib.error as error:
            raise TryAgain(f"{to} did not answer, or not to the end") from error
        if len(body) > most:
            raise _too_large(to, most)
        if not member.eof:
            raise TryAgain(f"{to} did not answer, or not to the end")
        packed = member.unused_data
    return bytes(body)


def _too_large(to: str, most: int) -> Never:
    return Never(f"what {to} answers is larger than {most // (1024 * 1024)} MB: it is not read")
