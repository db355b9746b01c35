"""What the address of a report asks for: which platform's, over which days, of what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from flask import abort
from flask_babel import gettext as _
from sqlalchemy import select

from webapp import clock
from webapp.accounts.access import current_platform
from webapp.audience.models import RecipientList
from webapp.campaigns.models import Campaign
from webapp.reports import periods
from webapp.reports.periods import BadPeriod, Period
from webapp.reports.usage import NO_LIST, SINGLE, Scope
from webapp.web.lookup import one_or_404

NONE = "none"
KEY = re.compile("[1-9][0-9]{0,17}")
COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True)
class Asked:
    """A report that was asked for. `refusal` is set when its period cannot be shown: then no figures are."""

    scope: Scope
    period: Period
    list_name: str | None = None
    campaign_name: str | None = None
    refusal: BadPeriod | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query of its address: period and country."""
        country = {"country": self.scope.country} if self.scope.country else {}
        return {**self.period.query, **country}


def today() -> date:
    """The calendar day of the platform."""
    return clock.now().astimezone(zone()).date()


def zone() -> ZoneInfo:
    return ZoneInfo(current_platform().time_zone)


def asked_for(values: Mapping[str, str], list_key: str | None, campaign_key: str | None) -> Asked:
    """The report of an address. 404 for lists and campaigns that are not the platform's."""
    period, refusal = period_of(values)
    scope = Scope(current_platform().id, period.from_on, period.to_on, country=country_of(values))
    list_id, list_name = list_of(list_key)
    campaign_id, campaign_name = campaign_of(campaign_key)
    scope = Scope(scope.platform_id, scope.from_on, scope.to_on, list_id, campaign_id, scope.country)
    return Asked(scope, period, list_name, campaign_name, refusal)


def period_of(values: Mapping[str, str]) -> tuple[Period, BadPeriod | None]:
    """The period, and the refusal where it is none; then the usual one stands in for it."""
    try:
        return periods.read(values, today()), None
    except BadPeriod as refusal:
        return periods.last_days(periods.DEFAULT_DAYS, today()), refusal


def country_of(values: Mapping[str, str]) -> str | None:
    country = values.get("country") or None
    if country is not None and not COUNTRY.fullmatch(country):
        abort(404)
    return country


def list_of(key: str | None) -> tuple[int | None, str | None]:
    """Id and name of the list that a part of the address names; deleted ones too."""
    if key is None:
        return None, None
    if key == NONE:
        return NO_LIST, _("No list")
    found: RecipientList = one_or_404(owned(RecipientList, key))
    return found.id, found.name


def campaign_of(key: str | None) -> tuple[int | None, str | None]:
    if key is None:
        return None, None
    if key == NONE:
        return SINGLE, _("Single messages")
    found: Campaign = one_or_404(owned(Campaign, key))
    return found.id, found.name or _("Campaign %(number)s", number=found.id)


def identifier(text: str | None) -> int | None:
    """The text of an id as one; None for anything else."""
    return int(text) if text and KEY.fullmatch(text) else None


def owned(model: type, key: str):  # type: ignore[no-untyped-def]
    """The statement for a row of this platform by the text of its id."""
    if not KEY.fullmatch(key):
        abort(404)
    return select(model).where(model.id == int(key), model.platform_id == current_platform().id)  # type: ignore[attr-defined]
