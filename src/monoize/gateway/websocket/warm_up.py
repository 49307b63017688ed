"""A turn that writes nothing: what it says is kept for the next one. Nobody is asked, and it costs nothing."""

from monoize.gateway.dialects import RESPONSES
from monoize.gateway.errors import MalformedRequest
from monoize.gateway.json_body import read_object
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Done, Finish, Response, Started, Usage


def stream(body: bytes, naming: Naming) -> bytes:
    """The frames of an answer without items."""
    try:
        request = RESPONSES.decode_request(read_object(body))
    except RecursionError:
        raise MalformedRequest("The request is nested too deeply.") from None
    except BadRequest as problem:
        raise MalformedRequest(problem.message, param=problem.param, code=problem.code) from problem
    encoder = RESPONSES.encoder(naming, request)
    id, model = naming.response_id, request.model
    nothing = Response(id=id, model=model, output=(), finish=Finish(reason="stop"), usage=Usage())
    return encoder.encode(Started(id=id, model=model)) + encoder.encode(Done(response=nothing))
