"""What may be called, at what price and through whom: models, the price book, providers and channels."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    EMPTY_LIST,
    EMPTY_OBJECT,
    Id,
    NanoUsd,
    Timestamp,
    created_at,
    integer_key,
    real,
    table,
    text,
    unix_created_at,
    unix_updated_at,
    updated_at,
)

PROVIDER_TYPES: Final = (
    "('responses', 'chat_completion', 'messages', 'gemini', 'openai_image', 'replicate', 'echo')"
)

ai_models = table(
    "ai_models",
    Column("id", text(64), primary_key=True),
    Column("provider", text(64), nullable=False),
    Column("model_key", text(191), nullable=False, index=True),
    Column("display_name", text(191), nullable=False),
    Column("kind", text(16), nullable=False, server_default="chat"),
    Column("billing_unit", text(16), nullable=False, server_default="tokens"),
    Column("context_default_tokens", Integer, server_default=sql("0")),
    Column("context_max_tokens", Integer, server_default=sql("0")),
    Column("output_max_tokens", Integer),
    Column("supports_cache", Integer, server_default=sql("0")),
    Column("supports_tools", Integer, server_default=sql("1")),
    Column("supports_vision", Integer, server_default=sql("0")),
    Column("supports_web_search", Integer, server_default=sql("0")),
    Column("supports_fast_mode", Integer, server_default=sql("0")),
    Column("size_class", text(16), server_default="medium"),
    Column("is_active", Integer, server_default=sql("1")),
    Column("show_in_picker", Integer, nullable=False, server_default=sql("1")),
    Column("picker_eligible", Integer, nullable=False, server_default=sql("1")),
    Column("picker_group", text(64)),
    Column("sort_order", Integer, nullable=False, server_default=sql("0")),
    Column("api_platform", text(32), nullable=False, server_default="unknown"),
    Column("secret_key_name", text(191)),
    Column("rpm_limit", Integer),
    Column("itpm_limit", Integer),
    Column("otpm_limit", Integer),
    Column("features_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    Column("metadata_json", text(), server_default=EMPTY_OBJECT),
    # The rates mirror the price book for display; a NULL rate is an unknown price.
    Column("input_rate_per_mtok", real()),
    Column("output_rate_per_mtok", real()),
    Column("cache_write_rate_per_mtok", real()),
    Column("cache_write_1h_rate_per_mtok", real()),
    Column("cache_read_rate_per_mtok", real()),
    Column("web_search_per_1k_usd", real(), server_default=sql("0")),
    Column("neurons_usd_per_1k", real(), server_default=sql("0")),
    Column("cost_per_unit", real()),
    Column("pricing_unit", text(32), nullable=False, server_default="usd_per_mtok"),
    Column("pricing_source", text(64), server_default="cursor_list"),
    unix_created_at(),
    unix_updated_at(),
    UniqueConstraint("provider", "model_key"),
    Index(None, "provider", "is_active", "show_in_picker"),
    CheckConstraint("provider = lower(provider)", name="provider"),
    CheckConstraint("kind IN ('chat', 'embedding', 'image', 'audio', 'video')", name="kind"),
    CheckConstraint(
        "billing_unit IN ('tokens', 'neurons', 'images', 'seconds', 'characters', 'requests',"
        " 'subscription', 'free')",
        name="billing_unit",
    ),
    CheckConstraint(
        "pricing_unit IN ('usd_per_mtok', 'neurons_per_mtok', 'subscription', 'per_image', 'per_second',"
        " 'per_character', 'free')",
        name="pricing_unit",
    ),
    CheckConstraint(
        "size_class IN ('nano', 'small', 'medium', 'large', 'image', 'audio', 'embedding')",
        name="size_class",
    ),
    CheckConstraint(
        "context_max_tokens = 0 OR context_default_tokens <= context_max_tokens", name="context_window"
    ),
    *(
        CheckConstraint(f"{flag} IN (0, 1)", name=flag)
        for flag in (
            "supports_cache",
            "supports_tools",
            "supports_vision",
            "supports_web_search",
            "supports_fast_mode",
            "is_active",
            "show_in_picker",
            "picker_eligible",
        )
    ),
    *(
        CheckConstraint(f"{rate} >= 0", name=rate)
        for rate in (
            "input_rate_per_mtok",
            "output_rate_per_mtok",
            "cache_write_rate_per_mtok",
            "cache_write_1h_rate_per_mtok",
            "cache_read_rate_per_mtok",
            "web_search_per_1k_usd",
            "neurons_usd_per_1k",
            "cost_per_unit",
        )
    ),
)

model_prices = table(
    "model_prices",
    Column("id", Id, primary_key=True),
    Column("provider", text(64), nullable=False),
    Column("model_key", text(191), nullable=False),
    Column("kind", text(32), nullable=False, server_default="standard"),
    # Tells apart prices that hold side by side for one model, such as the qualities of an image.
    Column("variant", text(64), nullable=False, server_default=""),
    Column("pricing_source", text(32), nullable=False, server_default="list"),
    Column("currency", text(8), nullable=False, server_default="USD"),
    # Whole pico-USD per token, search, neuron or unit.
    Column("input_pico", BigInteger),
    Column("output_pico", BigInteger),
    Column("cache_write_5m_pico", BigInteger),
    Column("cache_write_1h_pico", BigInteger),
    Column("cache_read_pico", BigInteger),
    Column("web_search_pico", BigInteger),
    Column("neuron_pico", BigInteger),
    Column("unit_pico", BigInteger),
    Column("input_milli_neurons_per_mtok", BigInteger),
    Column("output_milli_neurons_per_mtok", BigInteger),
    Column("threshold_tokens", Integer),
    Column("geo_multiplier_bp", Integer, nullable=False, server_default=sql("10000")),
    # Valid from the first second up to, not including, the last; NULL is open-ended.
    Column("effective_from", BigInteger, nullable=False),
    Column("effective_to", BigInteger),
    # A correction covers the same interval as the row it supersedes, as its next revision.
    Column("revision", Integer, nullable=False, server_default=sql("0")),
    Column("supersedes_id", Id, ForeignKey("model_prices.id"), unique=True),
    Column("source_url", text(2048), nullable=False),
    Column("checked_at", Timestamp, nullable=False),
    Column("note", text()),
    # How it came into the book: "manual" prices are never overwritten by a list.
    Column("origin", text(32), nullable=False, server_default="manual"),
    created_at(),
    UniqueConstraint(
        "provider",
        "model_key",
        "kind",
        "variant",
        "pricing_source",
        "effective_from",
        "revision",
        name="ux_model_prices_effective_from",
    ),
    CheckConstraint(
        "kind IN ('standard', 'long_context', 'fast', 'fast_long_context', 'batch', 'embedding', 'image')",
        name="kind",
    ),
    CheckConstraint(
        "pricing_source IN ('list', 'contract', 'byok', 'override', 'estimate')", name="pricing_source"
    ),
    CheckConstraint("effective_to > effective_from", name="effective_to"),
    CheckConstraint("geo_multiplier_bp > 0", name="geo_multiplier_bp"),
    *(
        CheckConstraint(f"{rate} >= 0", name=rate)
        for rate in (
            "input_pico",
            "output_pico",
            "cache_write_5m_pico",
            "cache_write_1h_pico",
            "cache_read_pico",
            "web_search_pico",
            "neuron_pico",
            "unit_pico",
            "input_milli_neurons_per_mtok",
            "output_milli_neurons_per_mtok",
            "threshold_tokens",
        )
    ),
)

# Steep changes, until a second person has looked at them; a newer proposal for the same price takes the place.
pending_prices = table(
    "pending_prices",
    Column("id", Id, primary_key=True),
    Column("provider", text(64), nullable=False),
    Column("model_key", text(128), nullable=False),
    Column("kind", text(32), nullable=False),
    Column("variant", text(64), nullable=False),
    Column("pricing_source", text(32), nullable=False),
    Column("proposal_json", text(), nullable=False),
    Column("changes_json", text(), nullable=False),
    Column("proposed_by", text(191), nullable=False),
    Column("proposer_id", text(191), nullable=False),
    created_at(),
    UniqueConstraint("provider", "model_key", "kind", "variant", "pricing_source"),
)

# Its one row is what writers of prices wait for, and counts what they wrote.
price_book = table(
    "price_book",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

pricing_snapshots = table(
    "pricing_snapshots",
    integer_key(),
    Column("model", text(128), nullable=False, index=True),
    Column("currency", text(8), nullable=False, server_default="USD"),
    # Exact decimals as text: a price of a few cents per million tokens has no room in six digits.
    Column("input_price_per_1k", text(32), nullable=False, server_default="0"),
    Column("output_price_per_1k", text(32), nullable=False, server_default="0"),
    Column("cached_price_per_1k", text(32), nullable=False, server_default="0"),
    Column("source_url", text(2048)),
    Column("raw", text()),
    Column("fetched_at", Timestamp, nullable=False, index=True),
    created_at(),
)

model_registry_records = table(
    "model_registry_records",
    Column("id", text(64), primary_key=True),
    Column("logical_model", text(191), nullable=False),
    Column("provider_id", text(36), nullable=False, index=True),
    Column("upstream_model", text(191), nullable=False),
    Column("capabilities_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    Column("enabled", Integer, nullable=False, server_default=sql("1"), index=True),
    Column("priority", Integer, nullable=False, server_default=sql("0")),
    created_at(),
    updated_at(),
    UniqueConstraint("logical_model", "provider_id"),
    CheckConstraint("enabled IN (0, 1)", name="enabled"),
)

model_metadata_records = table(
    "model_metadata_records",
    Column("model_id", text(191), primary_key=True),
    Column("models_dev_provider", text(64), index=True),
    Column("mode", text(32)),
    Column("input_cost_per_token_nano", NanoUsd),
    Column("output_cost_per_token_nano", NanoUsd),
    Column("cache_read_input_cost_per_token_nano", NanoUsd),
    Column("cache_creation_input_cost_per_token_nano", NanoUsd),
    Column("output_cost_per_reasoning_token_nano", NanoUsd),
    Column("max_input_tokens", BigInteger),
    Column("max_output_tokens", BigInteger),
    Column("max_tokens", BigInteger),
    Column("raw_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    Column("source", text(32), nullable=False),
    updated_at(),
)

monoize_providers = table(
    "monoize_providers",
    Column("id", text(36), primary_key=True),
    Column("name", text(191), nullable=False),
    Column("provider_type", text(32), nullable=False),
    Column("max_retries", Integer, nullable=False, server_default=sql("-1")),
    Column("channel_max_retries", Integer, nullable=False, server_default=sql("0")),
    Column("channel_retry_interval_ms", Integer, nullable=False, server_default=sql("0")),
    Column("circuit_breaker_enabled", Integer, nullable=False, server_default=sql("1")),
    Column("per_model_circuit_break", Integer, nullable=False, server_default=sql("0")),
    Column("transforms", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("api_type_overrides", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("groups", JSON, nullable=False, server_default=EMPTY_LIST),
    # An override that is NULL inherits the setting of the whole house.
    Column("active_probe_enabled_override", Integer),
    Column("active_probe_interval_seconds_override", Integer),
    Column("active_probe_success_threshold_override", Integer),
    Column("active_probe_model_override", text(191)),
    # For the whole answer; the other three are for a part of it.
    Column("request_timeout_ms_override", Integer),
    Column("connect_timeout_ms_override", Integer),
    Column("first_byte_timeout_ms_override", Integer),
    Column("idle_timeout_ms_override", Integer),
    # Whose prices in the book its models have; NULL follows from the type.
    Column("price_provider", text(64)),
    Column("extra_fields_whitelist", JSON(none_as_null=True)),
    Column("strip_cross_protocol_nested_extra", Integer),
    Column("enabled", Integer, nullable=False, server_default=sql("1")),
    Column("priority", Integer, nullable=False, server_default=sql("0"), index=True),
    created_at(),
    updated_at(),
    CheckConstraint(f"provider_type IN {PROVIDER_TYPES}", name="provider_type"),
    CheckConstraint("max_retries >= -1", name="max_retries"),
    CheckConstraint("channel_max_retries >= 0", name="channel_max_retries"),
    CheckConstraint("channel_retry_interval_ms >= 0", name="channel_retry_interval_ms"),
    *(
        CheckConstraint(f"{flag} IN (0, 1)", name=flag)
        for flag in (
            "circuit_breaker_enabled",
            "per_model_circuit_break",
            "active_probe_enabled_override",
            "strip_cross_protocol_nested_extra",
            "enabled",
        )
    ),
)

monoize_provider_models = table(
    "monoize_provider_models",
    Column("id", text(36), primary_key=True),
    Column("provider_id", text(36), ForeignKey("monoize_providers.id", ondelete="CASCADE"), nullable=False),
    Column("model_name", text(191), nullable=False, index=True),
    Column("redirect", text(191)),
    Column("multiplier", text(32), nullable=False, server_default="1"),
    created_at(),
    UniqueConstraint("provider_id", "model_name"),
)

monoize_channels = table(
    "monoize_channels",
    Column("id", text(36), primary_key=True),
    Column(
        "provider_id",
        text(36),
        ForeignKey("monoize_providers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("name", text(191), nullable=False),
    # NULL inherits the provider's type.
    Column("provider_type", text(32)),
    Column("base_url", text(2048), nullable=False),
    # Sealed; empty where no credential is needed.
    Column("api_key", text(), nullable=False),
    # NULL inherits the provider's.
    Column("price_provider", text(64)),
    Column("weight", Integer, nullable=False, server_default=sql("1")),
    Column("enabled", Integer, nullable=False, server_default=sql("1")),
    Column("passive_failure_count_threshold_override", Integer),
    Column("passive_cooldown_seconds_override", Integer),
    Column("passive_window_seconds_override", Integer),
    Column("passive_rate_limit_cooldown_seconds_override", Integer),
    Column("active_probe_enabled_override", Integer),
    Column("active_probe_interval_seconds_override", Integer),
    Column("active_probe_success_threshold_override", Integer),
    Column("active_probe_model_override", text(191)),
    Column("affinity_enabled_override", Integer),
    Column("affinity_idle_ttl_seconds_override", Integer),
    Column("affinity_failback_mode_override", text(32)),
    Column("affinity_failback_delay_seconds_override", Integer),
    created_at(),
    updated_at(),
    CheckConstraint(f"provider_type IN {PROVIDER_TYPES}", name="provider_type"),
    CheckConstraint("weight >= 0", name="weight"),
    CheckConstraint("enabled IN (0, 1)", name="enabled"),
    CheckConstraint("active_probe_enabled_override IN (0, 1)", name="active_probe_enabled_override"),
    CheckConstraint("affinity_enabled_override IN (0, 1)", name="affinity_enabled_override"),
    CheckConstraint(
        "affinity_failback_mode_override IN ('sticky', 'prefer_higher_priority')",
        name="affinity_failback_mode_override",
    ),
)

monoize_channel_models = table(
    "monoize_channel_models",
    Column("id", text(36), primary_key=True),
    Column("channel_id", text(36), ForeignKey("monoize_channels.id", ondelete="CASCADE"), nullable=False),
    Column("model_name", text(191), nullable=False),
    Column("redirect", text(191)),
    Column("multiplier", text(32), nullable=False, server_default="1"),
    created_at(),
    UniqueConstraint("channel_id", "model_name"),
    Index(None, "model_name", "channel_id"),
)

# Its one row is what writers of providers, channels and their models wait for, and counts what they wrote.
routing = table(
    "routing",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
    # The rules for all requests.
    Column("transforms", JSON, nullable=False, server_default=EMPTY_LIST),
    CheckConstraint("id = 1", name="single_row"),
)

# The first whose pattern matches a name says which model is meant.
model_redirects = table(
    "model_redirects",
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("pattern", text(128), nullable=False),
    Column("model", text(191), nullable=False),
)

reasoning_suffixes = table(
    "reasoning_suffixes",
    Column("suffix", text(64), primary_key=True),
    Column("effort", text(16), nullable=False),
    CheckConstraint("effort IN ('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')", name="effort"),
)

# The three tables below are kept and editable for older tools; no routing code reads them.

providers = table(
    "providers",
    Column("id", text(36), primary_key=True),
    Column("name", text(191), nullable=False, server_default=""),
    Column("provider_type", text(32), nullable=False),
    Column("base_url", text(2048)),
    Column("auth_type", text(16)),
    Column("auth_value", text()),
    Column("auth_header_name", text(191)),
    Column("auth_query_name", text(191)),
    Column("capabilities_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    Column("strategy_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    Column("groups_json", text(), nullable=False, server_default=EMPTY_LIST),
    Column("enabled", Integer, nullable=False, server_default=sql("1")),
    Column("priority", Integer, nullable=False, server_default=sql("0")),
    Column("weight", Integer, nullable=False, server_default=sql("1")),
    Column("tag", text(191)),
    Column("balance", real()),
    created_at(),
    updated_at(),
    CheckConstraint(
        "provider_type IN ('responses', 'chat_completion', 'messages', 'gemini', 'grok', 'group')",
        name="provider_type",
    ),
    CheckConstraint("auth_type IN ('bearer', 'header', 'query')", name="auth_type"),
    CheckConstraint("enabled IN (0, 1)", name="enabled"),
)

model_mappings = table(
    "model_mappings",
    Column("id", text(36), primary_key=True),
    Column("provider_id", text(36), ForeignKey("providers.id", ondelete="CASCADE"), nullable=False),
    Column("logical_model", text(191), nullable=False, index=True),
    Column("upstream_model", text(191), nullable=False),
    created_at(),
    UniqueConstraint("provider_id", "logical_model"),
)

group_members = table(
    "group_members",
    Column("id", text(36), primary_key=True),
    Column("group_provider_id", text(36), ForeignKey("providers.id", ondelete="CASCADE"), nullable=False),
    Column(
        "member_provider_id",
        text(36),
        ForeignKey("providers.id", ondelete="RESTRICT"),
        nullable=False,
        index=True,
    ),
    Column("weight", Integer, nullable=False, server_default=sql("1")),
    Column("priority", Integer, nullable=False, server_default=sql("0")),
    created_at(),
    UniqueConstraint("group_provider_id", "member_provider_id"),
    CheckConstraint("weight >= 1", name="weight"),
)
