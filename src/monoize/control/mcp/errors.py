"""The ways in which the room refuses. A refused call of a tool is told inside MCP, where its model can read it."""

from monoize.base.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class NoSuchMcpService(NotFound):
    """There is no such MCP service."""

    code = "mcp_service_not_found"


class McpServiceExists(Conflict):
    """There is an MCP service of this name already."""

    code = "mcp_service_exists"


class NoSuchMcpTool(NotFound):
    """This MCP service has no such tool."""

    code = "mcp_tool_not_found"
    hint = "Refresh the service, or look at its tools."


class McpAddressInvalid(Invalid):
    """This is no address of an MCP server."""

    code = "mcp_address_invalid"
    hint = "It begins with https://, or with http:// where private_network is set, and names no user."


class McpToolsChanged(Conflict):
    """The tools are not as you have seen them."""

    code = "mcp_tools_changed"
    hint = "Refresh the service, look at what differs, and accept that."


class McpServiceNotAllowed(Forbidden):
    """This MCP service is not open to you."""

    code = "mcp_service_not_allowed"
    hint = "An agent's mcp_services_json has to name it; for callers without a record it has to be open to keys."


class McpToolNotAllowed(Forbidden):
    """This tool is not open to you."""

    code = "mcp_tool_not_allowed"
    hint = "tools/list shows those that are."


class ModeForbids(Forbidden):
    """The agent's mode does not allow this tool."""

    code = "mode_forbids"


class DryRunRequired(Conflict):
    """This tool may only be tried out, and MCP knows no trying out."""

    code = "dry_run_required"


class SchemaDrift(Conflict):
    """The tool is not any more what somebody has looked at."""

    code = "mcp_schema_drift"
    hint = "An administrator looks at the difference and accepts it: monoize mcp tools, monoize mcp accept."


class ApprovalRequired(Conflict):
    """People have to say yes to this call first."""

    code = "approval_required"
    hint = "Make the same call with the same arguments again once the approval is given: it then runs, once."


class ApprovalDenied(Forbidden):
    """People have said no to this call."""

    code = "approval_denied"


class ApprovalNeedsAgent(Forbidden):
    """This tool needs an approval, and only an agent with a record can ask for one."""

    code = "approval_needs_agent"


class McpAccountRequired(Forbidden):
    """This tool costs something, and there is no account of a user that could pay."""

    code = "mcp_account_required"
    hint = "Show an API key, or say with x-user-id for whom you act."


class NoSuchMcpSession(NotFound):
    """There is no such MCP session."""

    code = "mcp_session_not_found"
    hint = "Initialize a new one."


class McpUnreachable(Unavailable):
    """The MCP server does not answer as it should."""

    code = "mcp_unreachable"
    status = 502


class McpTimeout(Unavailable):
    """The MCP server did not answer in time."""

    code = "mcp_timeout"
    status = 504
