"""A mail server that keeps what it is given: enough of SMTP for one client that sends one mail at a time."""

import asyncio
import contextlib
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self


class MailSink:
    """`async with MailSink() as sink`: mail sent to `sink.url` arrives in `sink.mails`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses_recipients = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"smtp://{host}:{port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            writer.write(b"220 sink\r\n")
            while line := await reader.readline():
                verb = line.split()[0].upper() if line.strip() else b""
                writer.write(await self._answer(verb, reader, writer))
                await writer.drain()
                if verb == b"QUIT":
                    return

    async def _answer(self, verb: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        match verb:
            case b"RCPT" if self.refuses_recipients:
                return b"550 no such mailbox\r\n"
            case b"DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                mail = data[:-3].replace(b"\r\n..", b"\r\n.")
                self.mails.append(message_from_bytes(mail, policy=policy.default))
                return b"250 kept\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
            case b"EHLO" | b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                return b"250 fine\r\n"
            case _:
                return b"500 what\r\n"
