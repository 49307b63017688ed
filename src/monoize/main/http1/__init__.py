"""The server's side of HTTP/1.1: bytes of callers in, ASGI out. It is plugged into uvicorn, which runs the rest."""
