"""The rows of the grid: what is asked, and what is answered."""

import base64
import dataclasses
from typing import Final

from gateway.grid.meaning import (
    Answered,
    Asked,
    Call,
    Document,
    Outcome,
    Part,
    Picture,
    Refused,
    Thought,
    Tool,
    Used,
    Words,
)


@dataclasses.dataclass(frozen=True)
class Scenario:
    asked: Asked
    answered: Answered


_SAID: Final = 'Grüße, 世界 🌍!\n\n"Quoted" \\ and\ttabbed.\u2028\x7f'
_ARGUMENTS: Final = (
    '{"city": "Z\\u00fcrich \\"west\\"", "days": 12345678901234567890123, "by": [0.1, -2, null], "o": {}}'
)
_SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where — exactly"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
_WEATHER: Final = Tool("get_weather", "What it is like outside.", _SCHEMA)
_CLOCK: Final = Tool("get_time", "What time it is.", {"type": "object", "properties": {}})
_TOOLS: Final = (_WEATHER, _CLOCK)
_HELLO: Final[tuple[str, Part]] = ("user", Words("What is the weather in Zürich?"))
_PNG: Final = Picture(
    "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
)
_PDF: Final = Document(base64.b64encode(b"%PDF-1.7\n" + bytes(range(255, -1, -1))).decode(), "report.pdf")
_FIRST: Final = Call("call_1_weather", "get_weather", _ARGUMENTS)
_SECOND: Final = Call("call_2_time", "get_time", "{}")
_THIRD: Final = Call("call_3_weather", "get_weather", '{"city": "Rome"}')
SEAL: Final = base64.b64encode(b"sealed by the one who thought it" * 3).decode()
_THOUGHT: Final = Thought("First I look outside.\nThen I say what I see.", SEAL)
_OK: Final = Answered((Words("Yes."),))


def _asked(*lines: tuple[str, Part], **more: object) -> Asked:
    return Asked(lines, **more)  # type: ignore[arg-type]


SCENARIOS: Final = {
    "words": Scenario(
        _asked(
            ("system", Words("You are terse.")),
            ("user", Words(_SAID)),
            ("model", Words("I see.")),
            ("user", Words("Go on.")),
            temperature=0.5,
            stop=("END", "\n\n"),
            most=1_234,
        ),
        Answered((Words(_SAID * 2),)),
    ),
    "a call": Scenario(_asked(_HELLO, tools=_TOOLS, choice="get_weather"), Answered((_FIRST,), "calls")),
    "calls at once": Scenario(
        _asked(_HELLO, tools=_TOOLS, choice="any"),
        Answered((Words("Let me see."), _FIRST, _SECOND, _THIRD), "calls"),
    ),
    "a loop": Scenario(
        _asked(
            ("system", Words("Use your tools.")),
            _HELLO,
            ("model", Words("Let me see.")),
            ("model", _FIRST),
            ("model", _SECOND),
            ("tool", Outcome(_FIRST.id, "It rains.\n{not json}")),
            ("tool", Outcome(_SECOND.id, "No clock here.", failed=True)),
            ("model", _THIRD),
            ("tool", Outcome(_THIRD.id, "It shines.")),
            ("model", Words("Rain here, sun there.")),
            ("user", Words("Thanks. And tomorrow?")),
            tools=_TOOLS,
        ),
        _OK,
    ),
    "outcomes last": Scenario(
        _asked(
            _HELLO,
            ("model", _FIRST),
            ("model", _SECOND),
            ("tool", Outcome(_FIRST.id, "It rains.")),
            ("tool", Outcome(_SECOND.id, "Noon.")),
            tools=_TOOLS,
        ),
        _OK,
    ),
    "a picture at an address": Scenario(
        _asked(("user", Words("What is this?")), ("user", Picture("https://example.com/a%20b/cat.png"))), _OK
    ),
    "a picture within": Scenario(
        _asked(("user", Words("Between")), ("user", _PNG), ("user", Words("words."))), _OK
    ),
    "a document": Scenario(_asked(("user", _PDF), ("user", Words("Sum it up."))), _OK),
    "a picture as an outcome": Scenario(
        _asked(
            _HELLO,
            ("model", _FIRST),
            ("tool", Outcome(_FIRST.id, "Look:", (_PNG,))),
            ("model", Words("I see.")),
            ("user", Words("What?")),
            tools=_TOOLS,
        ),
        _OK,
    ),
    "a thought": Scenario(_asked(_HELLO, effort="high"), Answered((_THOUGHT, Words("It rains.")))),
    "a thought and a call": Scenario(
        _asked(_HELLO, effort="high", tools=_TOOLS), Answered((_THOUGHT, _FIRST), "calls")
    ),
    "a thought that is not shown": Scenario(
        _asked(_HELLO, effort="high", tools=_TOOLS), Answered((Thought("", SEAL), _FIRST, _SECOND), "calls")
    ),
    "thoughts of another": Scenario(
        _asked(
            _HELLO,
            ("model", _THOUGHT),
            ("model", _FIRST),
            ("tool", Outcome(_FIRST.id, "It rains.")),
            effort="low",
            tools=_TOOLS,
        ),
        _OK,
    ),
    "silence": Scenario(_asked(_HELLO), Answered((), used=Used(12, 2))),
    "a shape": Scenario(_asked(_HELLO, schema=_SCHEMA), Answered((Words('{"city":"Zürich","days":1}'),))),
    "a refusal": Scenario(_asked(_HELLO), Answered((Refused("I’d rather not say."),))),
    "a refusal before": Scenario(_asked(_HELLO, ("model", Refused("No.")), ("user", Words("Please."))), _OK),
    "no room left": Scenario(_asked(_HELLO, most=16), Answered((Words("Once upon a"),), "length")),
    "a filter": Scenario(_asked(_HELLO), Answered((Words("Take two"),), "filtered")),
    "use of a cache": Scenario(
        _asked(_HELLO), Answered((Words("Yes."),), used=Used(1_000, 300, read=600, written=100, thought=200))
    ),
}
