"""What things are called in OpenTelemetry: its conventions for generative AI, and our own words where it has none.

The conventions are still in development; this is the only place that knows them. Pure.
"""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol.urp import Protocol

SCOPE: Final = "monoize.gateway"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
CONVERSATION: Final = "gen_ai.conversation.id"
AGENT: Final = "gen_ai.agent.id"
AGENT_VERSION: Final = "gen_ai.agent.version"
# All of the prompt, whatever came from a cache included.
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
TOKEN_TYPE: Final = "gen_ai.token.type"
ERROR: Final = "error.type"
USER: Final = "user.id"
STATUS: Final = "http.response.status_code"

UNCACHED_TOKENS: Final = "app.gen_ai.usage.uncached_input_tokens"
COST: Final = "app.gen_ai.cost.total_nano_usd"
CHARGE: Final = "app.gen_ai.charge.total_nano_usd"
PRICING_SOURCE: Final = "app.gen_ai.cost.pricing_source"
ESTIMATED: Final = "app.gen_ai.usage.estimated"
BATCH: Final = "app.gen_ai.request.batch"
FAST: Final = "app.gen_ai.request.fast"
US_ONLY: Final = "app.gen_ai.request.us_only"
LONG_CONTEXT: Final = "app.gen_ai.request.long_context"
TOOL_CHOICE: Final = "app.gen_ai.request.tool_choice"
WEB_SEARCHES: Final = "app.gen_ai.usage.web_searches"
TENANT: Final = "app.tenant.id"
REQUEST: Final = "app.request.id"

TOKEN_USAGE: Final = "gen_ai.client.token.usage"
DURATION: Final = "gen_ai.client.operation.duration"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
COST_COUNTER: Final = "app.gen_ai.cost"

TOKEN_BOUNDS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)
DURATION_BOUNDS_S: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)

OPERATIONS: Final[Mapping[Protocol, str]] = {
    "chat": "chat",
    "responses": "chat",
    "compact": "chat",
    "messages": "chat",
    "gemini": "chat",
    "embeddings": "embeddings",
    "images": "generate_content",
    "image_edits": "generate_content",
    "replicate": "generate_content",
}
PROVIDERS: Final[Mapping[str, str]] = {
    "google": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "workers_ai": "cloudflare.workers_ai",
}
"""Those whose names here are others than ours."""
