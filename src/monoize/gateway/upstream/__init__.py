"""The gateway's own HTTP/1.1 client: bytes out, bytes in, and one kind of problem. It knows nothing of models.

`client` is what others use; `target`, `answer` and `errors` are what it speaks in.
"""
