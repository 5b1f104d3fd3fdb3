"""Whether the ports that the house needs are free, and who has them if not."""

import socket

import psutil

from desk.errors import HouseError


def check_port(host: str, port: int, option: str) -> None:
    """Say who has the port, if somebody has; `option` is the way to choose another (`--prefect-port`).

    Raises:
        HouseError: the port is in use, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        # As the servers do: a port whose last connections are still dying away is free.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
            tried.listen()
        except PermissionError:
            raise HouseError(
                f"Port {port} may only be used by root. Start with {option} {port + 8000}, "
                "and put a web server in front that passes on to it."
            ) from None
        except OSError as error:
            if error.errno is not None and isinstance(error, socket.gaierror):
                raise HouseError(f"There is no address {host} on this machine. Set TANGGAP_GATEWAY_HOST.") from None
            owner = port_owner(port)
            if owner is None and not answers(host, port):
                raise HouseError(
                    f"Cannot listen on {host}:{port} ({(error.strerror or str(error)).lower()}). "
                    f"Start with {option} {port + 10}."
                ) from None
            whose = "" if owner is None else f" ({owner})"
            raise HouseError(f"Port {port} is in use{whose}. Stop it, or start with {option} {port + 10}.") from None


def port_owner(port: int) -> str | None:
    """Who listens on a port: `pid 812, prefect`; None where the system does not say."""
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        try:
            listening = any(
                connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
                for connection in process.net_connections(kind="inet")
            )
        except psutil.Error:
            continue
        if listening:
            return f"pid {process.info['pid']}, {_what_it_is(process.info['name'], process.info['cmdline'] or [])}"
    return None


def _what_it_is(name: str, words: list[str]) -> str:
    """A Python process is known by what it runs."""
    known = ("prefect", "tanggap", "uvicorn")
    return next((word for word in known for part in words[:4] if word in part), name)


def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
