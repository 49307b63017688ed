"""The Responses API over a WebSocket: each turn is an ordinary request, its events are messages."""
