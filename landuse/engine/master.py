"""Spark masters: which addresses name one, which of them is this machine, and whether one answers."""

from __future__ import annotations

import re
import socket

from landuse.engine.machine import cores
from landuse.errors import EngineError

TRIES = 3
"""Of a task; a local master that does not say gives up at the first failure."""
_MASTER = re.compile(r"local(\[[\d*]+(,\d+)?\])?|local-cluster\[.+\]|spark://.+|k8s://.+|yarn")
_LOCAL = re.compile(r"local(?:\[(?P<threads>\*|\d+)(?P<tries>,\d+)?\])?")
_CONNECT_S = 5


def is_master(text: str) -> bool:
    """Whether a text is the address of a Spark master."""
    return _MASTER.fullmatch(text) is not None


def is_local(master: str) -> bool:
    """Whether a Spark master is this process and its workers, and no cluster. ``local-cluster`` behaves as a cluster."""
    return _LOCAL.fullmatch(master) is not None


def slots_of(master: str) -> int | None:
    """How many threads a local master runs tasks on, or None for a cluster."""
    match = _LOCAL.fullmatch(master)
    if match is None:
        return None
    return cores() if match["threads"] == "*" else int(match["threads"] or 1)


def spelt_out(master: str) -> str:
    """Return the master with our count of cores, and with retries where a local master would have none."""
    match = _LOCAL.fullmatch(master)
    if match is None:
        return master
    return f"local[{slots_of(master)}{match['tries'] or f',{TRIES}'}]"


def check_reachable(master: str) -> None:
    """Raise `EngineError` where no host of a ``spark://`` master answers. Spark itself takes a minute to say so."""
    if not master.startswith("spark://"):
        return
    hosts = master.removeprefix("spark://").split(",")
    reasons = [reason for reason in map(_unreachable, hosts) if reason is not None]
    if len(reasons) == len(hosts):
        raise EngineError(
            f"No Spark master answers at {master} ({reasons[0]}); see that it runs and can be reached from here, "
            "or use --master inline."
        )


def _unreachable(address: str) -> str | None:
    """Why ``host:port`` cannot be reached, or None."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except ValueError:
        return "the port is missing, usually 7077"
    except OSError as error:
        return error.strerror or str(error)
    return None
