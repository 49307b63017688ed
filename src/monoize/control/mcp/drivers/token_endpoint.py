"""Where tokens come from. Fails with McpUnreachable or McpTimeout; all that is said there is bounded."""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.edge.outside import Outside, Patience, Unreachable
from monoize.control.mcp.errors import McpTimeout, McpUnreachable
from monoize.control.mcp.model import oauth
from monoize.control.mcp.model.oauth import OAuthClient, OAuthSecrets

WAITS_MS: Final = 15_000
ANSWER_BYTES_MOST: Final = 64 * 2**10
_PATIENCE: Final = Patience(WAITS_MS, WAITS_MS, WAITS_MS)


async def ask(outside: Outside, client: OAuthClient, secrets: OAuthSecrets, *, private: bool) -> OAuthSecrets:
    """With another token. `private`: it may lie in our own network."""
    headers, body = oauth.asked(client, secrets)
    try:
        answer = await outside.send("POST", client.token_url, headers, body, _PATIENCE, private=private)
        try:
            said = await answer.read(ANSWER_BYTES_MOST)
        finally:
            await answer.release()
        return oauth.told(answer.status, said, secrets, int(utc_now().timestamp()))
    except Unreachable as problem:
        if problem.too_slow:
            raise McpTimeout("Where its tokens come from nobody answers in time.") from problem
        raise _refused(problem.reason) from problem
    except ValueError as problem:
        raise _refused(str(problem)) from problem


def _refused(reason: str) -> McpUnreachable:
    return McpUnreachable(f"There is no token for the MCP server: {reason}.")
