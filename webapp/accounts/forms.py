"""The forms of sign-in, people and platforms."""

from collections.abc import Iterable
from functools import cache
from zoneinfo import available_timezones

from email_validator import EmailNotValidError
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (  # type: ignore[attr-defined]
    BooleanField,
    DateField,
    EmailField,
    Field,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from webapp.accounts import people

NAME_MAX = 100
REASON_MAX = 300
CREDITS_MAX = 2**53 - 1
PASSWORD_MIN = 10
PASSWORD_MAX = 128

ROLE_WORDS = (
    ("admin", _("Admin: everything of this platform, its people and its credits")),
    ("marketer", _("Marketer: lists and campaigns")),
    ("viewer", _("Viewer: reports only")),
)
LANGUAGE_WORDS = (("en", "English"), ("it", "Italiano"))
CURRENCY_WORDS = (("EUR", _("Euro (EUR)")), ("USD", _("US dollar (USD)")))
BURN_ORDER_WORDS = (
    (
        "latest_expiry_first",
        _("Keep the early ones: credits without expiry go first, then those that expire last"),
    ),
    ("earliest_expiry_first", _("Use up the early ones: credits that expire soonest go first")),
)


def choices(words: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words]


@cache
def time_zones() -> list[SelectChoice]:
    """Every zone with a place in its name, for a drop-down."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return choices([("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)])


def required() -> InputRequired:
    return InputRequired(_("Fill this in."))


def not_blank(_form: FlaskForm, field: Field) -> None:
    if not (field.data or "").strip():
        raise ValidationError(gettext("Fill this in."))


def deliverable(_form: FlaskForm, field: Field) -> None:
    try:
        people.normalised(field.data or "")
    except EmailNotValidError as error:
        raise ValidationError(
            gettext("This is not an e-mail address. It looks like name@example.com.")
        ) from error


def named(label: str) -> StringField:
    too_long = _("Use at most %(max)d characters.", max=NAME_MAX)
    return StringField(label, [required(), not_blank, Length(max=NAME_MAX, message=too_long)])


def addressed(label: str) -> EmailField:
    return EmailField(label, [required(), deliverable], render_kw={"autocomplete": "off"})


class InviteForm(FlaskForm):  # type: ignore[misc]
    name = named(_("Name"))
    email = addressed(_("E-mail address"))
    role = SelectField(_("Role"), choices=choices(ROLE_WORDS), default="marketer")


class PersonForm(FlaskForm):  # type: ignore[misc]
    name = named(_("Name"))
    role = RadioField(_("Role"), choices=choices(ROLE_WORDS))
    active = BooleanField(
        _("May sign in"), description=_("Without it, every session of this person ends at once.")
    )


class PlatformForm(FlaskForm):  # type: ignore[misc]
    """What an admin chooses for the platform."""

    name = named(_("Name of the platform"))
    time_zone = SelectField(
        _("Time zone"),
        choices=time_zones,
        description=_(
            "Times on pages, and the days by which use is counted. Expiry days are always Italian time. "
            "A change counts for later days only."
        ),
    )
    currency = SelectField(
        _("Currency"), choices=choices(CURRENCY_WORDS), description=_("The one that price pages show first.")
    )
    language = SelectField(
        _("Language"),
        choices=choices(LANGUAGE_WORDS),
        description=_("For people who have not chosen one themselves, and for letters."),
    )
    burn_order = RadioField(_("Which credits are used first"), choices=choices(BURN_ORDER_WORDS))


class NewPlatformForm(FlaskForm):  # type: ignore[misc]
    """A platform with its first admin."""

    name = named(_("Name of the platform"))
    time_zone = SelectField(_("Time zone"), choices=time_zones, default="Europe/Rome")
    currency = SelectField(_("Currency"), choices=choices(CURRENCY_WORDS), default="EUR")
    language = SelectField(_("Language"), choices=choices(LANGUAGE_WORDS), default="en")
    admin_name = named(_("Name of its first admin"))
    admin_email = addressed(_("E-mail address of the first admin"))


class CreditsField(IntegerField):
    """A number of credits; what is none is refused in words that say what to type."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(
                gettext("Give a whole number of credits, digits alone, such as 1000.")
            ) from error


class DayField(DateField):
    """A day; where the browser has no calendar, the refusal says how to write one."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(gettext("Write a day as year, month and day, such as 2026-11-20.")) from error


def counted(label: str, hint: str = "") -> CreditsField:
    some = NumberRange(min=1, message=_("Give a whole number of credits, 1 or more."))
    countable = NumberRange(max=CREDITS_MAX, message=_("More credits than can be counted. Give fewer."))
    return CreditsField(
        label, [required(), some, countable], description=hint, render_kw={"inputmode": "numeric"}
    )


def reasoned(label: str, hint: str) -> StringField:
    too_long = _("Use at most %(max)d characters.", max=REASON_MAX)
    return StringField(
        label, [required(), not_blank, Length(max=REASON_MAX, message=too_long)], description=hint
    )


class GrantForm(FlaskForm):  # type: ignore[misc]
    """Credits given without a payment (R7)."""

    credits = counted(_("Credits"))
    expires_on = DayField(
        _("Expiry day"),
        [Optional()],
        description=_("The first day on which they cannot be used, Italian time. Empty: they never expire."),
    )
    reason = reasoned(_("Reason"), _("The platform reads it in its ledger: bonus, goodwill, migration."))


class AdjustForm(FlaskForm):  # type: ignore[misc]
    """One lot made smaller, with a reason (R7)."""

    lot = SelectField(_("Lot"), coerce=int, validate_choice=True)
    credits = counted(_("Credits to take"), _("At most what is left of the lot and unassigned."))
    reason = reasoned(_("Reason"), _("The platform reads it in its ledger."))

    def offer(self, lots: Iterable[tuple[int, str]]) -> None:
        self.lot.choices = choices((str(lot_id), words) for lot_id, words in lots)


class AcceptForm(FlaskForm):  # type: ignore[misc]
    password = PasswordField(
        _("Choose a password"),
        [
            required(),
            Length(
                PASSWORD_MIN,
                PASSWORD_MAX,
                _("Use %(min)d to %(max)d characters.", min=PASSWORD_MIN, max=PASSWORD_MAX),
            ),
        ],
        description=_(
            "At least %(min)d characters. A few words in a row are easy to keep.", min=PASSWORD_MIN
        ),
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(_("The password again"), [required()], render_kw={"autocomplete": "new-password"})

    def validate_again(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError(gettext("The two passwords differ. Type the same one twice."))
