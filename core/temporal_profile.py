"""How Temporal is reached: TEMPORAL_* variables, over a profile of Temporal's own configuration file.

The file is the one that the `temporal` command keeps: TEMPORAL_CONFIG_FILE, else the user's default place; the profile
is TEMPORAL_PROFILE, else `default`. Variables go before the profile's entries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from temporalio.envconfig import ClientConfig, ClientConfigProfile, ClientConnectConfig

from core.errors import InvalidConfiguration

DEFAULT_ADDRESS = "127.0.0.1:7233"
ADDRESS = re.compile(r"([^\s:/]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
FLAGS = ("true", "false", "1", "0")
REMEDY = "Correct it and start again; docs/settings.md says how Temporal is reached"


def connect_configuration(address: str | None = None, namespace: str | None = None) -> ClientConnectConfig:
    """What `Client.connect` is given; `address` and `namespace` go before variables and profile. Raises
    InvalidConfiguration that names everything that is wrong."""
    wrong = list(_wrong_variables(os.environ))
    try:
        profile = ClientConfigProfile.load(config_file_strict=True)
        config = ClientConfig.load_client_connect_config(config_file_strict=True) if not wrong else {}
        wrong += _wrong_profile(profile, address or profile.address)
    except (ValueError, RuntimeError) as error:
        wrong.append(_without_excerpt(str(error)))
    except OSError as error:
        wrong.append(
            f"the file {error.filename}, which the profile or a TEMPORAL_TLS_* variable names: {error.strerror}"
        )
    if wrong:
        raise InvalidConfiguration(f"Temporal cannot be reached as configured: {'; '.join(wrong)}", remedy=REMEDY)
    config.setdefault("target_host", DEFAULT_ADDRESS)
    if address:
        config["target_host"] = address
    if namespace:
        config["namespace"] = namespace
    return config


def _wrong_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """What the SDK passes over in silence."""
    file = environment.get("TEMPORAL_CONFIG_FILE")
    if file and not Path(file).exists():
        yield f"TEMPORAL_CONFIG_FILE is '{file}', and there is no such file"
    for name in ("TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"):
        text = environment.get(name)
        if text is not None and text.lower() not in FLAGS:
            yield f"{name} is '{text}': write true or false"


def _wrong_profile(profile: ClientConfigProfile, address: str | None) -> Iterator[str]:
    if address and ADDRESS.fullmatch(address) is None:
        yield f"the address is '{address}': write host:port, such as 127.0.0.1:7233"
    tls = profile.tls
    if tls is not None and bool(tls.client_cert) != bool(tls.client_private_key):
        yield "a client's certificate and its key come together: TEMPORAL_TLS_CLIENT_CERT_PATH and …_CLIENT_KEY_PATH"
    if profile.api_key and tls is not None and tls.disabled:
        yield "an API key would travel in the clear: TLS is switched off"


def _without_excerpt(message: str) -> str:
    """The reader of TOML shows the line that it cannot read, which may hold a key."""
    return " ".join(line.strip() for line in message.splitlines() if "|" not in line and line.strip())
