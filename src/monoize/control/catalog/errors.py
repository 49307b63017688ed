"""The ways in which the catalogue refuses."""

from monoize.base.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class NoSuchPrice(NotFound):
    """There is no such price."""

    code = "price_not_found"


class NoSuchPendingPrice(NotFound):
    """No price of that id waits for confirmation."""

    code = "pending_price_not_found"
    hint = "It was confirmed, rejected, or replaced by a newer proposal for the same model."


class PriceExists(Conflict):
    """Another price begins at that very moment."""

    code = "price_exists"
    hint = "A mistake in it is corrected; a new price begins at another moment."


class PriceOverlaps(Conflict):
    """This price would last into the time of the next one."""

    code = "price_overlaps"
    hint = "Leave `effective_to` away to let it last until the next price begins."


class PriceSuperseded(Conflict):
    """This price was corrected already."""

    code = "price_superseded"
    hint = "Work on its latest correction; the history of the model shows it."


class NotInItsTime(Conflict):
    """A price can only end within the time for which it holds."""

    code = "not_in_its_time"


class SecondPersonNeeded(Forbidden):
    """A steep change of a price is confirmed by another person than the one who proposed it."""

    code = "second_person_needed"
    hint = "Ask another administrator, signed in as themselves; only a sole administrator may confirm alone."


class InvalidPrice(Invalid):
    """This cannot be a price."""

    code = "invalid_price"


class RateOutOfRange(Invalid):
    """A rate lies outside of what anybody charges."""

    code = "rate_out_of_range"
    hint = "Mind the unit: token rates are USD for a million tokens."


class BadPriceList(Invalid):
    """This document is not a price list in the given format."""

    code = "bad_price_list"
    hint = "Nothing of it was taken over."


class PriceBookTooLarge(Unavailable):
    """The price book holds more prices than can be loaded at once."""

    code = "price_book_too_large"
    hint = "End the prices of models that nobody uses any more."


class NoSuchUpstream(NotFound):
    """There is no such provider."""

    code = "upstream_not_found"


class NoSuchChannel(NotFound):
    """This provider has no such channel."""

    code = "channel_not_found"
    hint = "A new channel is sent without an id; one that exists keeps its own."


class ProviderExists(Conflict):
    """A provider of that name exists."""

    code = "provider_exists"


class TooManyProviders(Conflict):
    """There are as many providers as there may be."""

    code = "too_many_providers"
    hint = "A provider can have several channels; delete one that nobody uses any more."


class OrderIncomplete(Conflict):
    """An order names every provider exactly once."""

    code = "order_incomplete"
    hint = "List the providers again: somebody may have added or deleted one."


class InvalidProvider(Invalid):
    """This cannot be a provider."""

    code = "invalid_provider"


class SuffixTwice(Invalid):
    """A suffix asks for one effort."""

    code = "suffix_twice"
    hint = "Name each suffix once."


class CredentialNeeded(Invalid):
    """A channel that moves to another scheme, host or port needs its API key again."""

    code = "api_key_needed"
    hint = "Send `api_key` with the new `base_url`, or null if none is needed there."


class InvalidConfiguration(Invalid):
    """Something in the document cannot be applied; nothing of it was."""

    code = "invalid_configuration"
    hint = "Each entry of `errors` points at one member of the document."

    @classmethod
    def at(cls, place: str, message: str) -> "InvalidConfiguration":
        """`place` within the document, such as providers/0/name."""
        return cls(errors=[{"pointer": f"/body/document/{place}", "message": message}])


class ModelNotOffered(Invalid):
    """This channel does not offer that model."""

    code = "model_not_offered"
    hint = "Name one of its models, or of its provider's, as callers know them."


class CredentialUnreadable(Conflict):
    """The stored API key of this channel does not open."""

    code = "api_key_unreadable"
    hint = "Set it again; it was sealed with another master key, or changed by a hand."


class GatewayElsewhere(Unavailable):
    """This process serves no gateway that could ask an upstream."""

    code = "gateway_elsewhere"


class ConfigurationChanged(Conflict):
    """Somebody has changed the configuration since this version of it."""

    code = "configuration_changed"
    hint = "Look again at what would change, and apply it with the version that you are told then."
