"""The official SDKs of OpenAI, Anthropic and Google, unchanged, against a running server and its built-in model."""

import asyncio
import base64
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types
from support.server import serving

ADMIN: Final = "an operators own token 0123456789"
SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALL: Final = '/call weather {"city": "Rome"}'
SAID: Final = "You said: Hello from here"
TOLD: Final = "The tool said: sunny"

Check = Callable[[str, str], None] | Callable[[str, str], Awaitable[None]]


def prepare(address: str) -> str:
    """A channel with the built-in model, somebody with money, and their key."""
    headers = {"authorization": f"Bearer {ADMIN}"}
    with httpx2.Client(base_url=address, headers=headers) as api:

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = api.post(path, json=body)
            assert answer.is_success, answer.text
            made: dict[str, Any] = answer.json()
            return made

        channels = [{"name": "echo", "base_url": "http://localhost"}]
        post("/api/providers", {"name": "echo", "type": "echo", "models": [{"name": "echo"}], "channels": channels})
        user_id = post("/api/users", {"username": "alice"})["id"]
        return str(post("/api/keys", {"name": "laptop", "user_id": user_id})["secret"])


def openai_chat(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key)
    messages: list[Any] = [{"role": "user", "content": "Hello from here"}]
    assert client.chat.completions.create(model="echo", messages=messages).choices[0].message.content == SAID
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(model="echo", messages=messages, stream=True, stream_options=options)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == SAID
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 3


def openai_chat_tools(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key)
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "user", "content": CALL}]
    first = client.chat.completions.create(model="echo", messages=messages, tools=tools).choices[0].message
    assert first.tool_calls
    call: Any = first.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Rome"}
    messages += [first.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert (
        client.chat.completions.create(model="echo", messages=messages, tools=tools).choices[0].message.content
        == TOLD
    )


def openai_responses(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key)
    assert client.responses.create(model="echo", input="Hello from here").output_text == SAID
    with client.responses.stream(model="echo", input="Hello from here") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == SAID
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


def openai_responses_tools(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key)
    tools: Any = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    history: list[Any] = [{"role": "user", "content": CALL}]
    first = client.responses.create(model="echo", input=history, tools=tools)
    (call,) = [item for item in first.output if item.type == "function_call"]
    history += [*(item.model_dump() for item in first.output)]
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
    assert client.responses.create(model="echo", input=history, tools=tools).output_text == TOLD


async def openai_async(address: str, key: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=key) as client:
        messages: list[Any] = [{"role": "user", "content": "Hello from here"}]
        stream = await client.chat.completions.create(model="echo", messages=messages, stream=True)
        told = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(told) == SAID
        assert "echo" in [model.id async for model in client.models.list()]


def openai_embeddings(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key)
    packed = client.embeddings.create(model="echo", input=["Hello from here", "Hello from there"], dimensions=16)
    plain = client.embeddings.create(model="echo", input="Hello from here", dimensions=16, encoding_format="float")
    assert [len(each.embedding) for each in packed.data] == [16, 16]
    told = zip(packed.data[0].embedding, plain.data[0].embedding, strict=True)
    assert all(abs(one - other) < 1e-6 for one, other in told)
    assert packed.usage.prompt_tokens == 6


def openai_images(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key)
    drawn = client.images.generate(model="echo", prompt="A cat", n=2)
    assert drawn.data
    assert drawn.usage is not None
    pictures = [base64.b64decode(image.b64_json or "") for image in drawn.data]
    files = [("cat.png", picture, "image/png") for picture in pictures]
    changed = client.images.edit(model="echo", prompt="A dog", image=files, mask=files[0])
    assert changed.data
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len({*pictures, base64.b64decode(changed.data[0].b64_json or "")}) == 3


async def openai_images_async(address: str, key: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=key) as client:
        drawn, vectors = await asyncio.gather(
            client.images.edit(model="echo", prompt="A dog", image=("a.png", b"\x89PNG", "image/png")),
            client.embeddings.create(model="echo", input="Hello from here"),
        )
        assert drawn.data
        assert vectors.data[0].embedding


def openai_errors(address: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)
    for text, kind in (("/fail 400", openai.BadRequestError), ("/fail 503", openai.InternalServerError)):
        try:
            client.chat.completions.create(model="echo", messages=[{"role": "user", "content": text}])
        except kind as problem:
            if problem.request_id:
                continue
        raise AssertionError(text)
    try:
        openai.OpenAI(base_url=f"{address}/v1", api_key="sk-" + "0" * 64).models.list()
    except openai.AuthenticationError:
        return
    raise AssertionError("a wrong key was taken")


def anthropic_messages(address: str, key: str) -> None:
    client = anthropic.Anthropic(base_url=address, api_key=key)
    messages: list[Any] = [{"role": "user", "content": "Hello from here"}]
    answer = client.messages.create(model="echo", max_tokens=100, messages=messages)
    assert answer.content[0].type == "text"
    assert (answer.content[0].text, answer.usage.input_tokens) == (SAID, 3)
    with client.messages.stream(model="echo", max_tokens=100, messages=messages) as stream:
        assert "".join(stream.text_stream) == SAID
        assert stream.get_final_message().stop_reason == "end_turn"
    assert client.messages.count_tokens(model="echo", messages=messages).input_tokens > 0


def anthropic_tools(address: str, key: str) -> None:
    client = anthropic.Anthropic(base_url=address, api_key=key)
    tools: Any = [{"name": "weather", "input_schema": SCHEMA}]
    messages: list[Any] = [{"role": "user", "content": CALL}]
    with client.messages.stream(model="echo", max_tokens=100, messages=messages, tools=tools) as stream:
        first = stream.get_final_message()
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert (call.input, first.stop_reason) == ({"city": "Rome"}, "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    last = client.messages.create(model="echo", max_tokens=100, messages=messages, tools=tools).content[0]
    assert last.type == "text"
    assert last.text == TOLD


async def anthropic_async(address: str, key: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=address, api_key=key) as client:
        messages: list[Any] = [{"role": "user", "content": "/think\nHello from here"}]
        async with client.messages.stream(model="echo", max_tokens=100, messages=messages) as stream:
            kinds = [block.type for block in (await stream.get_final_message()).content]
        assert kinds == ["thinking", "text"]
        assert [model.id async for model in client.models.list()] == ["echo"]


def google_content(address: str, key: str) -> None:
    with genai.Client(api_key=key, http_options=types.HttpOptions(base_url=address)) as client:
        assert client.models.generate_content(model="echo", contents="Hello from here").text == SAID
        chunks = list(client.models.generate_content_stream(model="echo", contents="Hello from here"))
        assert "".join(chunk.text or "" for chunk in chunks) == SAID
        usage = chunks[-1].usage_metadata
        assert usage is not None
        assert usage.prompt_token_count == 3


def google_tools(address: str, key: str) -> None:
    with genai.Client(api_key=key, http_options=types.HttpOptions(base_url=address)) as client:
        declared = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
        history: list[Any] = [types.Content(role="user", parts=[types.Part(text=CALL)])]
        first = client.models.generate_content(model="echo", contents=history, config=config)
        assert first.function_calls
        call = first.function_calls[0]
        assert call.args == {"city": "Rome"}
        assert first.candidates
        response = types.FunctionResponse(id=call.id, name="weather", response={"output": "sunny"})
        history += [
            first.candidates[0].content,
            types.Content(role="user", parts=[types.Part(function_response=response)]),
        ]
        last = client.models.generate_content(model="echo", contents=history, config=config)
        assert last.text is not None
        assert last.text.startswith("The tool said:")
        assert "sunny" in last.text


async def google_async(address: str, key: str) -> None:
    options = types.HttpOptions(base_url=address)
    async with genai.Client(api_key=key, http_options=options).aio as client:
        stream = await client.models.generate_content_stream(model="echo", contents="Hello from here")
        assert "".join([chunk.text or "" async for chunk in stream]) == SAID


CHECKS: Final[tuple[Check, ...]] = (
    openai_chat,
    openai_chat_tools,
    openai_responses,
    openai_responses_tools,
    openai_async,
    openai_embeddings,
    openai_images,
    openai_images_async,
    openai_errors,
    anthropic_messages,
    anthropic_tools,
    anthropic_async,
    google_content,
    google_tools,
    google_async,
)


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), MONOIZE_ADMIN_TOKEN=ADMIN) as server:
        key = prepare(server.address)
        for check in CHECKS:
            try:
                done = check(server.address, key)
                if done is not None:
                    asyncio.run(_awaited(done))
            except Exception as problem:  # noqa: BLE001 - whatever it is, the next client is tried as well
                failed += 1
                print(f"{check.__name__:<24} FAILS: {type(problem).__name__}: {str(problem)[:300]}", flush=True)
            else:
                print(f"{check.__name__:<24} works", flush=True)
    versions = f"openai {openai.__version__}, anthropic {anthropic.__version__}, google-genai {genai.__version__}"
    outcome = "DOES NOT HOLD" if failed else "holds"
    print(f"clients: {outcome}: {len(CHECKS) - failed} of {len(CHECKS)} with {versions}")
    return 1 if failed else 0


async def _awaited(done: Awaitable[None]) -> None:
    await done


if __name__ == "__main__":
    sys.exit(main())
