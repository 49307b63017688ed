"""Pages of the room of MCP: servers that agents reach through us, their tools, and the calls of these."""
