"""How hosts are listed: names, suffixes, addresses and networks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")
"""Names and addresses; nothing that a driver takes for several hosts, a socket's path or a connection string."""


def check_patterns(hosts: Iterable[str]) -> None:
    """Raises ValueError for what is neither name, suffix, address nor network."""
    for pattern in hosts:
        if network(pattern) is None and ("/" in pattern or HOST.fullmatch(pattern.removeprefix("*")) is None):
            raise ValueError(f"'{pattern}' is no name, suffix (.example.com), address or network (10.0.0.0/8)")


def network(pattern: str) -> Network | None:
    """The addresses that a pattern means, None where it is a name."""
    try:
        return ipaddress.ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        return None
