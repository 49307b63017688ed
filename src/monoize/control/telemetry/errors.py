"""The ways in which telemetry refuses."""

from monoize.base.errors import Invalid


class TooManyCosts(Invalid):
    """These are the costs of too many days or models at once."""

    code = "too_many_costs"
    hint = "Ask for fewer days, at most 31, or for one provider."
