"""Sends notices by HTTP: to Slack's incoming webhooks, and signed to any other program."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from activities.resources.notice_text import Words, link, told_reasons
from core.errors import InvalidConfiguration, Unavailable
from core.notice_channels import SlackChannel, WebhookChannel, check_url
from core.notices import Notice

TIMEOUT_SECONDS = 8.0
SECRET_PREFIX = "whsec_"  # noqa: S105
LONGEST_SECTION = 3000
"""Characters that Slack takes in one section."""
TRY_AGAIN = frozenset((408, 425, 429))


async def send_slack(name: str, channel: SlackChannel, words: Words, url: str) -> None:
    """Posts the words. `url` is secret: no error holds it. Raises Unavailable, InvalidConfiguration."""
    try:
        check_url(url)
    except ValueError as error:
        raise InvalidConfiguration(
            f"channel {name}: the secret {channel.webhook} is no webhook of Slack: it {error}",
            remedy="Store the URL that Slack shows for the incoming webhook",
        ) from None
    await _post(name, url, _json(slack_message(words)), {}, ssl.create_default_context())


async def send_webhook(
    name: str,
    channel: WebhookChannel,
    notice: Notice,
    words: Words,
    secret: str,
    *,
    now: datetime,
    public_url: str | None,
) -> None:
    """Posts the notice, signed. Raises Unavailable, InvalidConfiguration."""
    body = _json(webhook_message(notice, words, public_url))
    try:
        context = ssl.create_default_context(cafile=channel.ca_file)
    except OSError as error:
        raise InvalidConfiguration(
            f"channel {name}: its caFile cannot be read", remedy="Give the control workers the file"
        ) from error
    await _post(name, channel.url, body, _signed(name, notice.key, body, secret, now), context)


def slack_message(words: Words) -> dict[str, Any]:
    """`text` is what notifications show, the blocks are what the channel shows."""
    sections = [f"*{words.subject}*", words.text]
    return {
        "text": words.subject,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": section[:LONGEST_SECTION]}}
            for section in sections
            if section
        ],
    }


def webhook_message(notice: Notice, words: Words, public_url: str | None) -> dict[str, Any]:
    """As the Standard Webhooks specification recommends: type, timestamp, data."""
    return {
        "type": f"migration.{notice.event.value}",
        "timestamp": notice.happened_at.isoformat(),
        "data": {
            "jobId": notice.job_id,
            "jobName": notice.job_name,
            "run": notice.run,
            "status": notice.status.value,
            "headline": notice.headline,
            "reasons": told_reasons(notice),
            "tables": notice.tables,
            "tablesCompleted": notice.tables_completed,
            "rows": notice.rows,
            "rejected": notice.rejected,
            "link": link(notice, public_url) or None,
            "subject": words.subject,
            "text": words.text,
        },
    }


def _signed(name: str, key: str, body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """Headers of https://www.standardwebhooks.com: HMAC-SHA256 over id, time and body."""
    if secret.startswith(SECRET_PREFIX):
        try:
            raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            raise InvalidConfiguration(
                f"channel {name}: its signing secret begins with {SECRET_PREFIX}, but no base64 follows",
                remedy="Store it as the receiver shows it",
            ) from None
    else:
        raw = secret.encode()
    stamp = str(int(now.timestamp()))
    signature = hmac.digest(raw, b".".join((key.encode(), stamp.encode(), body)), hashlib.sha256)
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


async def _post(name: str, url: str, body: bytes, headers: Mapping[str, str], context: ssl.SSLContext) -> None:
    """Redirects are not followed: the operator named the one address that may be told."""
    sent = {"content-type": "application/json", "user-agent": "Sterna", **headers}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=context) as http:
            response = await http.post(url, content=body, headers=sent)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The text of some of them holds the URL.
        raise Unavailable(
            f"channel {name}: its address cannot be reached ({type(error).__name__})",
            remedy="Check the channel's URL, its certificate, the proxy and the firewall",
        ) from None
    if response.is_success:
        return
    told = f"channel {name}: its address answered with status {response.status_code}"
    if response.status_code in TRY_AGAIN or response.is_server_error:
        raise Unavailable(told)
    raise InvalidConfiguration(told, remedy="Check URL and secret of the channel")


def _json(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
