"""Sends notices by SMTP, with TLS that is checked."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime

from activities.resources.notice_text import Words
from connectors.contract import Credentials
from core.errors import AccessDenied, InvalidConfiguration, Unavailable
from core.notice_channels import EmailChannel
from core.notices import Notice

TIMEOUT_SECONDS = 8.0
PERMANENT = 500
"""SMTP's codes from here on mean that trying again is no use."""


def send_email(name: str, channel: EmailChannel, notice: Notice, words: Words, login: Credentials) -> None:
    """Hands the mail to the server. Blocks. Raises Unavailable, AccessDenied, InvalidConfiguration, which name the
    channel and never what the server quoted from the mail."""
    with _told(name, channel), _session(channel) as server:
        if login.password is not None:
            server.login(login.username or channel.sender, login.password)
        server.send_message(_mail(channel, notice, words))


def message_id(notice: Notice, sender: str) -> str:
    """The same for every attempt, so that mail servers and readers can tell a repetition."""
    return f"<{hashlib.sha256(notice.key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def _mail(channel: EmailChannel, notice: Notice, words: Words) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.to)
    mail["Subject"] = words.subject
    mail["Date"] = format_datetime(notice.happened_at)
    mail["Message-ID"] = message_id(notice, channel.sender)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office programs do not answer
    mail["X-Sterna-Event"] = notice.event.value
    mail["X-Sterna-Job"] = notice.job_id
    mail.set_content(words.text)
    return mail


@contextmanager
def _session(channel: EmailChannel) -> Iterator[smtplib.SMTP]:
    address = (channel.host, channel.port_or_default)
    context = ssl.create_default_context(cafile=channel.ca_file)
    if channel.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(*address, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(*address, timeout=TIMEOUT_SECONDS)
    with server:
        if channel.security == "starttls":
            server.starttls(context=context)
        yield server


@contextmanager
def _told(name: str, channel: EmailChannel) -> Iterator[None]:
    place = f"channel {name} (mail server {channel.host}:{channel.port_or_default})"
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidConfiguration(
            f"{place}: its caFile is not there", remedy="Give the control workers the file"
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise InvalidConfiguration(
            f"{place}: its certificate does not hold: {error.verify_message}",
            remedy="Write the name that the certificate has as host, or its authority's file as caFile",
        ) from error
    except ssl.SSLError as error:
        raise InvalidConfiguration(
            f"{place}: does not speak TLS there", remedy="Port 465 goes with security tls, 587 with starttls"
        ) from error
    except UnicodeError as error:
        raise AccessDenied(
            f"{place}: its login holds characters outside of ASCII, which the protocol does not carry here",
            remedy="Give the mail server's user an ASCII name and password",
        ) from error
    except smtplib.SMTPException as error:
        raise _refusal(place, error) from error
    except OSError as error:
        reason = "its name is not known" if isinstance(error, socket.gaierror) else (error.strerror or "no answer")
        raise Unavailable(
            f"{place}: cannot be reached: {reason}", remedy="Check host and port of the channel, and the firewall"
        ) from error


def _refusal(place: str, error: smtplib.SMTPException) -> Exception:
    """The server's own text stays behind: it may quote addresses or the mail."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return InvalidConfiguration(
            f"{place}: the server does not offer what is asked for",
            remedy="Use security tls for a server without STARTTLS; leave login out where the server takes none",
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return _by_code(place, "refuses every recipient", min(codes, default=0), "Correct `to` of the channel")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        told = f"{place}: refuses the login (SMTP {error.smtp_code})"
        wrong = error.smtp_code >= PERMANENT
        return AccessDenied(told, remedy="Correct the secret that `login` names") if wrong else Unavailable(told)
    if isinstance(error, smtplib.SMTPResponseException):
        return _by_code(place, "refuses the mail", error.smtp_code, "Look into the mail server's log")
    return Unavailable(f"{place}: cut the connection", remedy="Check port and security of the channel")


def _by_code(place: str, what: str, code: int, remedy: str) -> Exception:
    told = f"{place}: {what} (SMTP {code})"
    return InvalidConfiguration(told, remedy=remedy) if code >= PERMANENT else Unavailable(told, remedy=remedy)
