"""The two ways in which words on a wire can be wrong, by whose fault it is."""


class BadRequest(Exception):
    """The caller's: it is told what and where. `param` is a path such as `messages[2].content`."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class BadAnswer(Exception):
    """The provider's: what came back is not an answer in its protocol."""
