"""The forms of shop: an order, a package, a payment, the seller's particulars."""

from collections.abc import Callable, Iterable
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, HiddenField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, StopValidation
from wtforms.widgets import HiddenInput, TextInput

from webapp.credits.expiry import MOST_MONTHS
from webapp.credits.quantities import MOST_CREDITS
from webapp.shop.models import MOST_MINOR
from webapp.shop.money import parse_minor, parse_whole, plain
from webapp.shop.offers import CURRENCIES
from webapp.shop.packages import Listed, Terms
from webapp.shop.seller import Particulars

LARGEST_ID = 2**63 - 1


def stripped(text: str | None) -> str:
    return (text or "").strip()


class AmountField(Field):
    """An integer that people may write in several ways; wrong input stays in the field to be mended."""

    widget = TextInput()
    parse = staticmethod(parse_whole)
    write: Callable[[int], str] = staticmethod(str)
    how = _("Write a whole number, like 5000.")

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data: Any = None
        self.typed = stripped(valuelist[0]) if valuelist else ""
        if not self.typed:
            return
        try:
            self.data = self.parse(self.typed)
        except ValueError:
            raise ValueError(str(self.how)) from None

    def _value(self) -> str:
        return getattr(self, "typed", "") if self.data is None else self.write(self.data)


class PriceField(AmountField):
    """A price, typed in major units; its `data` is in minor units."""

    parse = staticmethod(parse_minor)
    write = staticmethod(plain)
    how = _("Write the price with at most two decimals, like 45.00.")


class Between:
    """The amount must be there and within these bounds, which the sentence writes as the field does."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, form: Form, field: AmountField) -> None:
        if field.process_errors or (field.data is not None and self.least <= field.data <= self.most):
            return
        if field.data is None:
            raise StopValidation(gettext("Fill this in."))
        bounds = {"least": field.write(self.least), "most": field.write(self.most)}
        raise StopValidation(gettext("Enter an amount from %(least)s to %(most)s.", **bounds))


class OrderForm(FlaskForm):  # type: ignore[misc]
    """What is ordered: terms of a package in a currency; `key` makes a double click one order."""

    terms = AmountField(widget=HiddenInput(), validators=[Between(1, LARGEST_ID)])
    currency = StringField(validators=[AnyOf(CURRENCIES)])
    key = HiddenField(validators=[InputRequired(), Length(8, 64)])


class PackageForm(FlaskForm):  # type: ignore[misc]
    """A package's terms; `seen` is the version of them that the operator looked at."""

    credits = AmountField(_("Credits"), validators=[Between(1, MOST_CREDITS)])
    validity_months = AmountField(_("Valid for (months)"), default=24, validators=[Between(1, MOST_MONTHS)])
    price_eur = PriceField(_("Price in euro"), validators=[Between(1, MOST_MINOR)])
    price_usd = PriceField(_("Price in US dollars"), validators=[Between(1, MOST_MINOR)])
    seen = AmountField(widget=HiddenInput(), default=0, validators=[Between(0, LARGEST_ID)])

    @classmethod
    def of(cls, listed: Listed) -> "PackageForm":
        """The form as it stands when a package is opened."""
        terms = listed.terms
        return cls(
            credits=terms.credits,
            validity_months=terms.validity_months,
            price_usd=terms.price_usd_minor,
            price_eur=terms.price_eur_minor,
            seen=terms.id,
        )

    def terms(self) -> Terms:
        """The terms that were entered, once the form is valid."""
        return Terms(
            credits=self.credits.data,
            validity_months=self.validity_months.data,
            price_usd_minor=self.price_usd.data,
            price_eur_minor=self.price_eur.data,
        )


class PaymentForm(FlaskForm):  # type: ignore[misc]
    """What the bank says about a payment that came in."""

    reference = StringField(
        _("Reference of the payment"),
        description=_("As on the bank statement: the transaction number, or date and name."),
        filters=[stripped],
        validators=[DataRequired(_("Enter the reference of the payment.")), Length(1, 140)],
    )
    for_several = BooleanField(_("This payment was for both orders"))


class SellerForm(FlaskForm):  # type: ignore[misc]
    """What stands on orders and receipts."""

    name_and_address = TextAreaField(
        _("Name and address"),
        description=_("Who sells the credits, as it shall stand on receipts."),
        filters=[stripped],
        validators=[DataRequired(_("Receipts need a name and an address.")), Length(1, 1000)],
    )
    bank_details_eur = TextAreaField(
        _("Account for euro"),
        description=_("Account holder, IBAN, BIC, bank."),
        filters=[stripped],
        validators=[Length(0, 1000)],
    )
    bank_details_usd = TextAreaField(
        _("Account for US dollars"),
        description=_("Account holder, account or IBAN, BIC, bank."),
        filters=[stripped],
        validators=[Length(0, 1000)],
    )

    def particulars(self) -> Particulars:
        """What was entered, once the form is valid."""
        return Particulars(
            name_and_address=stripped(self.name_and_address.data),
            bank_details_usd=stripped(self.bank_details_usd.data),
            bank_details_eur=stripped(self.bank_details_eur.data),
        )


def complaints(form: FlaskForm) -> Iterable[str]:
    """Every error of a form whose fields a person does not see."""
    return (str(error) for errors in form.errors.values() for error in errors)
