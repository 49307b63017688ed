"""The ways in which the gateway refuses; each protocol has its own words for them."""

from monoize.base import errors


class MalformedRequest(errors.BadRequest):
    """The request is not what its protocol asks for."""

    code = "malformed_request"

    def __init__(self, message: str | None = None, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.said_code = code


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


class ModelUnfit(errors.BadRequest):
    """No channel of this model can do what was asked of it."""

    code = "model_unfit"
    hint = "Embeddings and images need a channel that speaks as OpenAI does; images can be drawn by Replicate, too."


class ModelUnpriced(errors.Forbidden):
    """Nobody knows what this model costs, and nothing is given away."""

    code = "model_unpriced"
    hint = "An operator sets its price with `monoize prices set`."


class PiiBlocked(errors.Invalid):
    """There is personal data in this that may not pass."""

    code = "pii_blocked"
    hint = "Leave out what `types` names."


class FastNotAllowed(errors.Forbidden):
    """This agent may not use the fast mode of models."""

    code = "fast_not_allowed"


class InferenceGeoRequired(errors.Forbidden):
    """This agent may have models run in certain places only."""

    code = "inference_geo_required"


class ModelCapabilityMissing(errors.Invalid):
    """This agent may use only models that can do what its record requires."""

    code = "model_capability_missing"


class ToolLoopLimit(errors.Conflict):
    """The model has called tools as often as this agent lets it before its user speaks again."""

    code = "tool_loop_limit"


class EffortNotAllowed(errors.Forbidden):
    """This agent may not have models think that hard."""

    code = "effort_not_allowed"


class LongContextNotAllowed(errors.Forbidden):
    """This agent may not send requests that are so long that they are dearer."""

    code = "long_context_not_allowed"
    hint = "Send less, or have `allow_long_context` set in the cost policy of its record."


class WebSearchesNotAllowed(errors.Forbidden):
    """This agent may not let a model search the web so often."""

    code = "web_searches_not_allowed"


class CallCostCap(errors.PaymentRequired):
    """This request may cost more than one of this agent may."""

    code = "call_cost_cap"


class KeyTooFast(errors.TooMany):
    """This API key has reached its limit."""

    code = "key_rate_limited"
    hint = "Wait for as long as `retry-after` says."


class UnknownPath(errors.NotFound):
    """The gateway has no such endpoint."""

    code = "unknown_endpoint"


class BackgroundUnsupported(errors.BadRequest):
    """Answers in the background are not supported."""

    code = "background_not_supported"
    hint = "Leave `background` out."
    param = "background"


class NativeChannelNeeded(errors.BadRequest):
    """No channel of this model can do this, which takes one that speaks the Responses protocol itself."""

    code = "responses_channel_needed"
    hint = "Send the whole conversation as `input`, without references to what a provider remembers."

    def __init__(self, param: str | None = None) -> None:
        super().__init__()
        self.param = param


class CompactStreams(errors.BadRequest):
    """A conversation is compacted in one piece, not as a stream."""

    code = "compact_cannot_stream"
    hint = "Leave `stream` out."
    param = "stream"


class WebsocketRequired(errors.BadRequest):
    """This address is for WebSockets, and the request does not ask for one."""

    code = "websocket_required"
    status = 426
    hint = "Requests go here with POST. A proxy in between has to pass `connection: upgrade` on."


class PageForeign(errors.Forbidden):
    """A page of another site may not open a WebSocket here."""

    code = "page_foreign"
    hint = "Connect from a program, or through a server of the page's own site."


class TooManyWebsockets(errors.TooMany):
    """There are as many WebSockets open as there may be."""

    code = "too_many_websockets"
    hint = "Close one, or send requests over HTTP."


class WebsocketWornOut(errors.BadRequest):
    """This WebSocket has carried as much as it may."""

    # Codex opens another one when it reads this.
    code = "websocket_connection_limit_reached"
    hint = "Open another one and send the whole conversation."


class MessageUnknown(errors.BadRequest):
    """There is no message of this type."""

    code = "unknown_message_type"
    hint = "`response.create` asks for an answer."
    param = "type"


class PreviousResponseNotFound(errors.BadRequest):
    """This connection does not remember the answer of this id."""

    code = "previous_response_not_found"
    hint = "Send the whole conversation as `input`, without `previous_response_id`."
    param = "previous_response_id"


class HistoryTooLarge(errors.TooLarge):
    """The conversation has become larger than a connection remembers."""

    code = "history_too_large"
    hint = "Send a shorter one as `input`, without `previous_response_id`."
    param = "input"


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


class NothingToAsk(errors.Invalid):
    """Channels of this type can be neither tried out nor asked for their models."""

    code = "channel_type_unfit"


class DiscoveryFailed(errors.Unavailable):
    """The provider did not list its models."""

    code = "upstream_fetch_failed"
    status = 502
    hint = "Check the address, the type and the API key; not every provider lists its models."


class DiscoveryTooLarge(errors.Unavailable):
    """The provider's list of models is larger than any should be."""

    code = "upstream_discovery_response_too_large"
    status = 502
    hint = "Name the models by hand."


class GatewayBroken(errors.Unavailable):
    """Something went wrong on our side."""

    code = "gateway_error"
    status = 500
    hint = "Tell your operator the request id; the server's log has the reason."
