"""Somebody at a browser without scripts: keeps cookies, says where a post is from, follows no redirect."""

from html.parser import HTMLParser
from typing import Any

import httpx2
from fastapi import FastAPI
from support.house import PASSWORD, Client

ORIGIN = "http://monoize.test"
_VOID = frozenset({"meta", "link", "img", "input", "br", "hr"})


class Surfer(Client):
    def __init__(self, app: FastAPI, *, ip: str = "127.0.0.1") -> None:
        super().__init__(app, ip=ip)
        self.headers["accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"

    async def submit(self, address: str, /, **fields: str) -> httpx2.Response:
        return await self.post(address, data=fields, headers={"origin": ORIGIN})

    async def sign_in(self, name: str = "root", password: str = PASSWORD) -> "Surfer":
        answer = await self.submit("/login", name=name, password=password)
        assert answer.status_code == 303, answer.text
        return self


class Element:
    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


class Page(HTMLParser):
    """The elements of a page in their order; a tag that is left open or closed twice is an error."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(answer.text)
        assert [] == [element.tag for element in self._open]

    def all(self, *tags: str, **attributes: str) -> list[Element]:
        wanted = attributes.items()
        return [e for e in self.elements if e.tag in tags and wanted <= e.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop().tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
