"""Delivers notices by the channels that the operator of the service configured."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from activities.resources.email_notifier import send_email
from activities.resources.http_notifiers import send_slack, send_webhook
from activities.resources.notice_text import for_slack, write_words
from activities.resources.secrets import Secrets
from core.errors import SecretMissing
from core.notice_channels import EmailChannel, NoticeChannels, SlackChannel
from core.notices import Notice


class Notifiers:
    """Resolves a channel's secret at use and holds nothing between two notices."""

    def __init__(self, channels: NoticeChannels, secrets: Secrets, public_url: str | None) -> None:
        self._channels = channels
        self._secrets = secrets
        self._public_url = public_url

    async def send(self, notice: Notice, name: str) -> None:
        """Returns when the channel has taken it. Raises Unavailable where time may mend it, else InvalidConfiguration,
        AccessDenied or SecretMissing."""
        channel = self._channels.find(name)
        if isinstance(channel, EmailChannel):
            login = await asyncio.to_thread(self._secrets.resolve, channel.login)
            words = write_words(notice, channel, self._public_url)
            await asyncio.to_thread(send_email, name, channel, notice, words, login)
        elif isinstance(channel, SlackChannel):
            words = write_words(notice, channel, self._public_url, escape=for_slack)
            await send_slack(name, channel, words, await self._secret(channel.webhook))
        else:
            words = write_words(notice, channel, self._public_url)
            secret = await self._secret(channel.signing_secret)
            now = datetime.now(UTC)
            await send_webhook(name, channel, notice, words, secret, now=now, public_url=self._public_url)

    async def _secret(self, reference: str) -> str:
        found = (await asyncio.to_thread(self._secrets.resolve, reference)).password
        if not found:
            raise SecretMissing(f"the secret {reference} is empty", remedy="Store it, then send a test notice")
        return found
