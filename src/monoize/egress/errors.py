"""Why the proxy refuses. An agent's client sees the status, and the code in the header `X-Monoize-Error`."""

from monoize.base.errors import BadRequest, Forbidden, Refusal, Unavailable


class ProxyRequestMalformed(BadRequest):
    """This is no request that a proxy can be asked."""

    code = "proxy_request_malformed"


class ProxyAuthenticationRequired(Refusal):
    """The proxy needs the agent's id and its gateway token."""

    code = "proxy_authentication_required"
    status = 407
    hint = "Set HTTPS_PROXY to http://AGENT_ID:GATEWAY_TOKEN@HOST:PORT."


class NoMachine(Forbidden):
    """This agent has no machine that runs."""

    code = "no_machine"


class TargetDenied(Forbidden):
    """Agents may not reach this address."""

    code = "target_denied"


class HeadTimeout(Refusal):
    """The head of the request did not arrive in time."""

    code = "head_timeout"
    status = 408


class TooManyConnections(Refusal):
    """This agent has too many connections, or opens them too fast."""

    code = "too_many_connections"
    status = 429


class HeadTooLarge(Refusal):
    """The head of the request is larger than allowed."""

    code = "head_too_large"
    status = 431


class TargetUnreachable(Refusal):
    """The target cannot be reached, or does not answer as it should."""

    code = "target_unreachable"
    status = 502


class GrantsUnavailable(Unavailable):
    """The control plane does not tell the proxy who may go out."""

    code = "grants_unavailable"


class TargetTimeout(Refusal):
    """The target does not answer."""

    code = "target_timeout"
    status = 504


class LoopDetected(Refusal):
    """The request has come through this proxy before."""

    code = "loop_detected"
    status = 508
