"""How a process is asked of the nursery: the words on the socket, and the asking side.

The asker sends one byte with its standard input, output and error, then a JSON document and a zero byte: module, words,
directory, environment, niceness. After that each byte it sends is a signal for the process; when it hangs up, the
process is killed. The nursery answers with one JSON document: the exit code.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from types import FrameType

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def be_born(address: str, words: list[str], nice: int) -> int | None:
    """Run `words[0]` as a module in a process of the nursery, and wait for it.

    Returns its exit code (128 and more for a signal, as a shell says it), or None if there is no nursery to be reached.
    """
    here = os.getcwd()
    asker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A socket's path may have 107 bytes, a home more: from within its directory its name is enough.
        os.chdir(os.path.dirname(address))
        asker.connect(os.path.basename(address))
    except OSError:
        return None
    finally:
        os.chdir(here)

    def pass_on(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            asker.send(bytes([number]))

    wish = {"words": words, "cwd": here, "env": dict(os.environ), "nice": nice}
    try:
        socket.send_fds(asker, [b"+"], [0, 1, 2])
        asker.sendall(json.dumps(wish).encode() + b"\0")
    except OSError:
        return None
    for number in PASSED_ON:
        signal.signal(number, pass_on)
    said = b""
    while part := asker.recv(4096):
        said += part
    if not said:
        # The nursery died, and the process with it. Run again here it would begin twice.
        print("The nursery of this process died.", file=sys.stderr)
        return 128 + signal.SIGKILL
    code = int(json.loads(said)["code"])
    return code if code >= 0 else 128 - code


def read_wish(asker: socket.socket) -> tuple[dict[str, object], list[int]]:
    """The nursery's side: what the asker wishes, and its three open files.

    Raises:
        ValueError: that is no wish.
        OSError: the asker went away, or takes too long.
    """
    first, files, _, _ = socket.recv_fds(asker, 1, 3)
    said = b""
    while not said.endswith(b"\0"):
        part = asker.recv(65536)
        if not part:
            break
        said += part
    if first != b"+" or len(files) != 3 or not said.endswith(b"\0"):
        for file in files:
            os.close(file)
        raise ValueError("no wish")
    return json.loads(said[:-1]), files
