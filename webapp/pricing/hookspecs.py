"""The hooks a pricing plugin may implement. Both are called once, when the plugin is read."""

from collections.abc import Iterable

import pluggy

from webapp.pricing.api import PROJECT, RateCard, SegmentProfile

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def sms_credits_rate_cards() -> Iterable[RateCard]:  # type: ignore[empty-body]
    """What a segment costs in countries, with the days from and until which it does."""


@hookspec
def sms_credits_segment_profiles() -> Iterable[SegmentProfile]:  # type: ignore[empty-body]
    """How a text is cut into segments, per country or as the default of all others."""
