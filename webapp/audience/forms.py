"""The forms of lists, people, imports and the do-not-contact list."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from webapp.audience.lists import NAME_CHARACTERS
from webapp.audience.places import country_choices
from webapp.audience.suppression import REASON_CHARACTERS

PHONE_CHARACTERS = 60
MORE_FIELDS = 2  # new merge fields that can be typed in at once
FIELD_PREFIX = "field-"


def stripped(text: str | None) -> str:
    return (text or "").strip()


class CountrySelectField(SelectField):
    """A country, or none."""

    def __init__(self, label: Any, *, none: Any, **given: Any) -> None:
        self.none = none
        super().__init__(label, choices=self.all_choices, validators=[Optional()], **given)

    def all_choices(self) -> list[tuple[str, str]]:
        return [("", str(self.none)), *country_choices()]


class NameForm(FlaskForm):  # type: ignore[misc]
    """What a list is called."""

    name = StringField(
        _("Name"),
        filters=[stripped],
        validators=[
            DataRequired(_("Give the list a name.")),
            Length(max=NAME_CHARACTERS, message=_("A name has at most 200 characters.")),
        ],
    )


class RecipientForm(FlaskForm):  # type: ignore[misc]
    """A new person; the merge values are read by `values_of`."""

    phone = StringField(
        _("Phone number"),
        filters=[stripped],
        validators=[
            DataRequired(_("Give the phone number.")),
            Length(max=PHONE_CHARACTERS, message=_("This is longer than any phone number.")),
        ],
        description=_("With its prefix, like +39 333 123 4567, or without one from the country beside."),
    )
    country = CountrySelectField(_("Without prefix, it is from"), none=_("no country: prefix required"))
    wanted_back = BooleanField(
        _("This person was erased and has asked to come back"),
    )


def values_of(form: Mapping[str, str]) -> dict[str, str]:
    """The merge values somebody typed: those of known fields, and of new ones with their names.

    A new one whose name was left empty stands under the empty name, which is refused where it is kept.
    """
    values = {
        name.removeprefix(FIELD_PREFIX): value
        for name, value in form.items()
        if name.startswith(FIELD_PREFIX)
    }
    return values | {name: value for name, value in new_fields(form) if value}


def new_fields(form: Mapping[str, str]) -> list[tuple[str, str]]:
    """The names and values in the rows for new fields, as somebody typed them."""
    return [
        (stripped(form.get(f"more-name-{place}")), stripped(form.get(f"more-value-{place}")))
        for place in range(MORE_FIELDS)
    ]


class ReasonForm(FlaskForm):  # type: ignore[misc]
    """Why somebody may be written to again."""

    reason = StringField(
        _("Reason"),
        filters=[stripped],
        validators=[
            DataRequired(_("Say why: it is kept with your name.")),
            Length(max=REASON_CHARACTERS, message=_("A reason has at most 300 characters.")),
        ],
        description=_("It is kept with your name and the time."),
    )


class ResubscribeForm(ReasonForm):
    """Deliberate, therefore said twice."""

    agreed = BooleanField(
        _("This person has asked to receive messages again"),
        validators=[InputRequired(_("Confirm that the person has asked for it."))],
    )


class DoNotContactForm(FlaskForm):  # type: ignore[misc]
    """Numbers nobody on the platform may write to."""

    phones = TextAreaField(
        _("Phone numbers"),
        filters=[stripped],
        validators=[
            DataRequired(_("Give at least one phone number.")),
            Length(max=100_000, message=_("These are too many at once: import them as a file.")),
        ],
        description=_("One on each line."),
    )
    country = CountrySelectField(_("Without prefix, they are from"), none=_("no country: prefix required"))
    reason = StringField(
        _("Reason"),
        filters=[stripped],
        validators=[
            DataRequired(_("Say why: it is kept with your name.")),
            Length(max=REASON_CHARACTERS, message=_("A reason has at most 300 characters.")),
        ],
    )


class UploadForm(FlaskForm):  # type: ignore[misc]
    """A file of people."""

    file = FileField(_("CSV or Excel file"), validators=[FileRequired(_("Choose a file."))])


class DoNotContactUploadForm(UploadForm):
    """A file of numbers not to be written to."""

    reason = DoNotContactForm.reason


class FindForm(FlaskForm):  # type: ignore[misc]
    """A number to look up everywhere."""

    class Meta:
        csrf = False

    phone = StringField(
        _("Phone number"),
        filters=[stripped],
        validators=[Length(max=PHONE_CHARACTERS, message=_("This is longer than any phone number."))],
    )
    country = CountrySelectField(_("Without prefix, it is from"), none=_("no country: prefix required"))


class EraseForm(FlaskForm):  # type: ignore[misc]
    """The end of a person's data here."""

    agreed = BooleanField(
        _("Erase this person. It cannot be undone"),
        validators=[InputRequired(_("Confirm that you want to erase this person."))],
    )
