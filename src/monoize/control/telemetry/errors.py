"""The ways in which telemetry refuses."""

from monoize.base.errors import Conflict, Invalid, TooMany


class TooManyCosts(Invalid):
    """These are the costs of too many days or models at once."""

    code = "too_many_costs"
    hint = "Ask for fewer days, at most 31, or for one provider."


class UsageReportedAtOnce(Conflict):
    """The same usage is being reported by another request."""

    code = "usage_in_progress"
    hint = "Wait a moment and report it again: what was recorded meanwhile counts once."


class SpanTooLong(Invalid):
    """This asks for too many hours or days at once."""

    code = "span_too_long"
    hint = "Ask for at most 31 days hour by hour, or 400 days day by day."


class TooMuchUsage(Invalid):
    """The answer would have more than 10,000 rows."""

    code = "too_much_usage"
    hint = "Ask for less time, for longer steps, for fewer dimensions, or with a filter."


class UnknownDimension(Invalid):
    """Usage is told by at most two different dimensions, and by those that there are."""

    code = "unknown_dimension"
    hint = "`known` lists them; put a comma between two."


class NotTold(Invalid):
    """Usage of this source is not told apart by this."""

    code = "not_told_apart"
    hint = "`told` lists by what it is. Hosts are known only of what they report; keys and agents only of the rest."


class KindNotReported(Invalid):
    """Agents do not report this kind of event themselves."""

    code = "kind_not_reported"
    hint = "`known` lists what they report. What costs money is measured by the gateway."


class ImplausibleTime(Invalid):
    """This event lies more than 30 days back, or ahead of the clock."""

    code = "implausible_time"
    hint = "Leave `timestamp` out for now; else check the clock of the machine."


class TelemetryReportedAtOnce(Conflict):
    """The same events are being reported by another request."""

    code = "telemetry_in_progress"
    hint = "Wait a moment and report them again: what was recorded meanwhile counts once."


class TooMuchTelemetry(TooMany):
    """This caller reports too often."""

    code = "too_much_telemetry"
    hint = "Put up to 200 events into one request."
