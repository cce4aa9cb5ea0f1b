"""Where jobs may lead Sterna: hosts, files and variables that they name, judged before anything is opened.

A job is a request to a service that stands inside of a network and holds files and secrets of its own. The API judges
what the job's text says, workers what its names resolve to. A name server that answers otherwise a moment later, to the
driver, is beyond this check: there the network's own rules are the last line.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InvalidConfiguration
from core.host_patterns import HOST, Network, network
from core.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this machine, by another name than its own
        "169.254.0.0/16",  # link-local: metadata of AWS, Azure, Google, OpenStack and others
        "100.100.100.200/32",  # metadata of Alibaba
        "168.63.129.16/32",  # wire server of Azure
        "192.0.0.192/32",  # metadata of Oracle
        "224.0.0.0/3",  # multicast and reserved
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",  # metadata of AWS
        "fd20:ce::/32",  # metadata of Google
        "ff00::/8",
    )
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SYSTEM_FOLDERS = tuple(
    Path(name) for name in ("/proc", "/sys", "/dev", "/run/secrets/kubernetes.io", "/var/run/secrets/kubernetes.io")
)
OWN_VARIABLES = ("STERNA_", "TEMPORAL_", "VAULT_", "AWS_", "AZURE_", "GOOGLE_", "OTEL_")
NAMES_A_SECRET_FILE = re.compile(r"(TOKEN|SECRET_ID|KEY|KEYS|CONFIG)(_FILE|_PATH)?$")
"""Variables of Temporal, Vault and the like; files with authorities to trust may be a job's as well."""
REMEMBERED_SECONDS = 30.0
ASK = "Name another one, or let an administrator change"


@dataclass(frozen=True)
class Reach:
    """What this installation lets jobs name. An empty list allows everything that is not refused anyway."""

    hosts: Sequence[str] = ()
    """Names, suffixes (`.example.com`), addresses and networks (`10.0.0.0/8`)."""
    folders: Sequence[Path] = ()
    closed: Sequence[Path] = ()
    """Folders, and single files, whose contents no job may name."""
    closed_variables: Sequence[str] = ()
    _found: dict[str, tuple[float, list[Address]]] = field(default_factory=dict)
    """Addresses by name, for a while: each batch asks."""

    @classmethod
    def of(cls, settings: Settings) -> Reach:
        """As the settings say; Sterna's own folders are closed, and files with its own keys and tokens."""
        own = (settings.documents, settings.staging, settings.leases, *settings.closed_folders)
        keys = [settings.admin_key_file, settings.api_tls_key, _after("file:", settings.encryption_keys)]
        files = [Path(file) for file in (*keys, *_secret_files(os.environ)) if file]
        if settings.secrets is not None and settings.secrets.is_dir():
            files += [file for file in settings.secrets.iterdir() if file.name.upper().startswith(OWN_VARIABLES)]
        variable = [place] if (place := _after("env:", settings.encryption_keys)) else []
        return cls(tuple(settings.allowed_hosts), tuple(settings.allowed_folders), (*own, *files), tuple(variable))

    def check_host(self, host: str) -> None:
        """By its spelling alone. Raises InvalidConfiguration."""
        if HOST.fullmatch(host) is None:
            raise InvalidConfiguration(
                "is not one host's name or address", remedy="Write one name or address, without port, path or user"
            )
        literal = _literal(host)
        if literal is not None:
            self._check_address(host, literal, by_name=False)
        elif self.hosts and not self._named(host) and not self._networks():
            raise _outside(host)

    async def check_resolved(self, host: str) -> None:
        """By every address that the name stands for now. Raises InvalidConfiguration. A name that stands for none is
        left to the driver, whose message says so."""
        self.check_host(host)
        if _literal(host) is not None:
            return
        by_name = self._named(host)
        for address in await self._resolve(host):
            self._check_address(host, address, by_name=by_name)

    def check_file(self, path: str) -> None:
        """A file or folder on the workers. Raises InvalidConfiguration."""
        real = Path(os.path.realpath(path))
        for closed in (*SYSTEM_FOLDERS, *self.closed):
            if real.is_relative_to(os.path.realpath(closed)):
                raise InvalidConfiguration(
                    "lies in a folder that jobs must not use, or is a file with Sterna's own keys",
                    remedy="Use a folder that is neither Sterna's nor the system's",
                )
        if self.folders and not any(real.is_relative_to(os.path.realpath(folder)) for folder in self.folders):
            raise InvalidConfiguration(
                "lies outside of the folders that jobs may use",
                remedy=f"{ASK} STERNA_ALLOWED_FOLDERS of API and workers",
            )

    def check_secret(self, reference: str | None) -> None:
        """A secretsRef must not lead to what the service itself lives by. Raises InvalidConfiguration."""
        scheme, _, rest = (reference or "").partition(":")
        place = rest.partition("#")[0]
        if scheme == "env" and (place.upper().startswith(OWN_VARIABLES) or place in self.closed_variables):
            raise InvalidConfiguration(
                f"names one of the service's own variables ({', '.join(OWN_VARIABLES)}…)",
                remedy="Give the database's secret a variable of its own on the workers",
            )
        if scheme == "file":
            Reach(closed=self.closed).check_file(place)

    def _named(self, host: str) -> bool:
        name = host.rstrip(".").lower()
        for pattern in self.hosts:
            wanted = pattern.removeprefix("*").rstrip(".").lower()
            if name == wanted or (wanted.startswith(".") and name.endswith(wanted)):
                return True
        return False

    def _networks(self) -> list[Network]:
        return [found for found in map(network, self.hosts) if found is not None]

    def _check_address(self, host: str, address: Address, *, by_name: bool) -> None:
        address = _plain(address)
        listed = any(address in each for each in self._networks())
        if not listed and any(address in each for each in NEVER):
            raise InvalidConfiguration(
                f"the host {host} is an address that answers for the machine itself, such as a cloud's metadata",
                remedy="Name the database's own host; an administrator may list the address in STERNA_ALLOWED_HOSTS",
            )
        if self.hosts and not listed and not by_name:
            raise _outside(host)

    async def _resolve(self, host: str) -> list[Address]:
        known = self._found.get(host)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        self._found[host] = time.monotonic(), addresses
        return addresses


def _secret_files(environment: Mapping[str, str]) -> list[str]:
    return [
        text.removeprefix("file:")
        for name, text in environment.items()
        if name.startswith(OWN_VARIABLES)
        and NAMES_A_SECRET_FILE.search(name)
        and text.removeprefix("file:").startswith("/")
    ]


def _after(scheme: str, reference: str | None) -> str:
    return reference.removeprefix(scheme) if reference and reference.startswith(scheme) else ""


def _literal(host: str) -> Address | None:
    """The address that a text is, the old forms included that systems still read: 2852039166, 0xA9FEA9FE, 127.1."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _outside(host: str) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"the host {host} is not among those that jobs may reach",
        remedy=f"{ASK} STERNA_ALLOWED_HOSTS of API and workers",
    )
