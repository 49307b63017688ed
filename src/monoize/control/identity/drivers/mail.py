"""Sending one mail through the operator's mail server, off the event loop and within a time limit."""

import asyncio
import dataclasses
import smtplib
import ssl
from email.message import EmailMessage
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import structlog

from monoize.control.identity.errors import MailUnavailable

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 15
_PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclasses.dataclass(frozen=True, slots=True)
class Mailer:
    """`url` is smtp://user:password@host:port (STARTTLS when offered) or smtps://…; empty: no mail."""

    url: str
    sender: str

    @property
    def configured(self) -> bool:
        return bool(self.url and self.sender)

    async def send(self, recipient: str, subject: str, text: str) -> None:
        if not self.configured:
            raise MailUnavailable
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, recipient, subject
        message.set_content(text)
        try:
            await asyncio.to_thread(_deliver, urlsplit(self.url), message)
        except (OSError, smtplib.SMTPException) as problem:
            log.warning("mail_failed", problem=type(problem).__name__, server=urlsplit(self.url).hostname)
            raise MailUnavailable from problem


def _deliver(server: SplitResult, message: EmailMessage) -> None:
    host, port = server.hostname or "localhost", server.port or _PORTS[server.scheme]
    tls = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=tls)
        if server.scheme == "smtps"
        else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    )
    with connection:
        if server.scheme == "smtp":
            connection.ehlo()
            if connection.has_extn("starttls"):
                connection.starttls(context=tls)
            elif server.password:
                raise smtplib.SMTPNotSupportedError("refusing to send a password without TLS")
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
        connection.send_message(message)
