"""The ways in which telemetry refuses."""

from monoize.base.errors import Conflict, Invalid


class TooManyCosts(Invalid):
    """These are the costs of too many days or models at once."""

    code = "too_many_costs"
    hint = "Ask for fewer days, at most 31, or for one provider."


class UsageReportedAtOnce(Conflict):
    """The same usage is being reported by another request."""

    code = "usage_in_progress"
    hint = "Wait a moment and report it again: what was recorded meanwhile counts once."
