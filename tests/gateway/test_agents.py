"""What an agent asks is told of as the agent's."""

import msgspec
from support.gateway import KEY, Bench, channel, price, provider
from support.provider import in_json, serving

from monoize.base.ids import fingerprint, new_id


async def test_a_call_bears_the_id_of_the_agent_whose_token_was_shown(bench: Bench):
    agent_id, digest = new_id(), fingerprint(KEY)
    bench.grants[digest] = msgspec.structs.replace(bench.grants[digest], agent_id=agent_id)
    told = {"object": "list", "data": [{"embedding": [0.5]}], "model": "m", "usage": {"prompt_tokens": 7}}
    priced = price("somebody", "m", kind="embedding", output_pico=None)
    async with serving(in_json(told)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")), m=priced)
        reply = await bench.ask("/v1/embeddings", {"model": "m", "input": "hello"})

    (charged,) = await bench.charged()
    assert 200 == reply.status
    assert charged.call is not None
    assert agent_id == charged.call.agent_id
