"""Starts a program that ends when whoever started it ends, however that one ends.

Two uses. `up` starts each of its children through this file, so that a `kill -9` of `up` leaves none of them for good.
The worker starts each flow run with `python -m desk.up.leash prefect.engine`, so that no run works on without a worker,
and one of low priority with `--nice 10`. Where a nursery stands ready (`desk.up.nursery`), the run is born there, which
spares the seconds of CPU that importing Prefect takes; elsewhere, as on a worker of another machine, it is run here.

Only Linux can do it (`prctl`); elsewhere the program starts without a leash, and the next `up` ends what it finds.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
USAGE = "usage: leash [--nice N] [--parent PID] [--signal NAME] (MODULE | --exec PROGRAM) [WORD ...]"


def end_with_parent(how: signal.Signals, parent: int | None = None) -> None:
    """Ask the kernel to send us this signal when our parent dies; `parent`: it must still be this one."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        sys.exit(0)  # it died before the kernel knew


def main(words: list[str]) -> None:
    """Put on the leash, then become the program, or run the module: in the nursery, else here."""
    # By hand: argparse would take as long to import as everything else here.
    nice, parent, how = 0, None, signal.SIGKILL
    while words and words[0].startswith("--") and words[0] != "--exec":
        option, _, value = words.pop(0).partition("=")
        value = value or (words.pop(0) if words else "")
        if option == "--nice":
            nice = int(value)
        elif option == "--parent":
            parent = int(value)
        elif option == "--signal":
            how = signal.Signals[value]
        else:
            sys.exit(USAGE)
    if len(words) < (2 if words[:1] == ["--exec"] else 1):
        sys.exit(USAGE)
    end_with_parent(how, parent)
    if words[0] == "--exec":
        os.nice(nice)
        os.execvp(words[1], words[1:])  # noqa: S606 – `up`'s own command line
    if nursery := os.environ.get("TANGGAP_NURSERY"):
        from desk.up.birth import be_born

        code = be_born(nursery, words, nice)
        if code is not None:
            sys.exit(code)
    os.nice(nice)
    import runpy

    sys.argv = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
