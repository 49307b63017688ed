"""The ways in which the gateway refuses; each protocol has its own words for them."""

from monoize.base import errors


class MalformedRequest(errors.BadRequest):
    """The request is not what its protocol asks for."""

    code = "malformed_request"

    def __init__(self, message: str | None = None, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.said_code = code


class RequestTooLarge(errors.TooLarge):
    """The request body is larger than the gateway takes."""

    code = "request_too_large"
    hint = "Send less, or upload files to their provider and refer to them."


class RequestTooSlow(errors.BadRequest):
    """The request body did not arrive in time."""

    code = "request_timeout"
    status = 408


class InvalidKey(errors.Unauthenticated):
    """This API key is not valid."""

    code = "invalid_api_key"
    hint = "It may be misspelt, expired or revoked. `monoize keys create` makes another one."


class KeyMissing(errors.Unauthenticated):
    """No API key was sent."""

    code = "missing_api_key"
    hint = "Send `Authorization: Bearer KEY` or `x-api-key: KEY`."


class KeyBoundElsewhere(errors.Forbidden):
    """This API key may not be used from your address."""

    code = "key_not_allowed_here"
    hint = "Call from an address on the key's list, or have yours added to it."


class ModelNotAllowed(errors.Forbidden):
    """This API key may not use this model."""

    code = "model_not_allowed"
    hint = "`GET /v1/models` lists the models that it may use."


class ModelNotFound(errors.NotFound):
    """No channel offers this model to you."""

    code = "model_not_found"
    hint = "`GET /v1/models` lists the models that there are."


class ModelUnpriced(errors.Forbidden):
    """Nobody knows what this model costs, and nothing is given away."""

    code = "model_unpriced"
    hint = "An operator sets its price with `monoize prices set`."


class KeyTooFast(errors.TooMany):
    """This API key has reached its limit."""

    code = "key_rate_limited"
    hint = "Wait for as long as `retry-after` says."


class UnknownPath(errors.NotFound):
    """The gateway has no such endpoint."""

    code = "unknown_endpoint"


class NoUpstream(errors.Unavailable):
    """Every channel that offers this model is resting after failures."""

    code = "no_channel_available"
    hint = "Try again in a minute; an operator sees the channels with `monoize providers list`."


class UpstreamFailed(errors.Unavailable):
    """Every channel that offers this model failed."""

    code = "upstream_failed"
    status = 502
    hint = "The attempts are in the request log, by the id of this request."


class UpstreamBusy(errors.TooMany):
    """The providers of this model take no more requests for now."""

    code = "upstream_rate_limited"


class UpstreamTimedOut(errors.Unavailable):
    """The provider did not answer in time."""

    code = "upstream_timeout"
    status = 504


class GatewayBroken(errors.Unavailable):
    """Something went wrong on our side."""

    code = "gateway_error"
    status = 500
    hint = "Tell your operator the request id; the server's log has the reason."
