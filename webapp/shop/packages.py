"""What the operator puts on sale: packages are created, changed by new terms, and retired."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session, aliased

from webapp.credits.terms import Actor
from webapp.db import db, transaction
from webapp.errors import Refused
from webapp.shop.models import Package, PackageTerms
from webapp.shop.offers import PackageForSale


class PackageRefused(Refused):
    """A package cannot be put on sale, changed or retired as asked."""

    slug = "wrong-state"


@dataclass(frozen=True)
class Terms:
    """What a package is: credits, months of validity, and its two prices in minor units."""

    credits: int
    validity_months: int
    price_usd_minor: int
    price_eur_minor: int


@dataclass(frozen=True)
class Listed:
    """A package beside its newest terms, as the operator's list shows it."""

    package: Package
    terms: PackageTerms

    def for_sale(self) -> PackageForSale:
        price_minor = {"USD": self.terms.price_usd_minor, "EUR": self.terms.price_eur_minor}
        return PackageForSale(
            self.package.id, self.terms.id, self.terms.credits, self.terms.validity_months, price_minor
        )


def packages_for_sale() -> tuple[PackageForSale, ...]:
    """Every package that can be bought now, the smallest first."""
    return tuple(each.for_sale() for each in listed_packages() if each.package.retired_at is None)


def listed_packages() -> tuple[Listed, ...]:
    """Every package there ever was with its newest terms: those on sale first, then by size."""
    rows = db.session.execute(_with_newest_terms()).all()
    found = [Listed(package, terms) for package, terms in rows]
    return tuple(sorted(found, key=lambda each: (each.package.retired_at is not None, each.terms.credits)))


def listed_package(package_id: int) -> Listed | None:
    """One package with its newest terms."""
    row = db.session.execute(_with_newest_terms().where(Package.id == package_id)).one_or_none()
    return Listed(row[0], row[1]) if row else None


def history(package_id: int) -> Sequence[PackageTerms]:
    """All terms a package ever had, the newest first."""
    query = select(PackageTerms).where(PackageTerms.package_id == package_id).order_by(PackageTerms.id.desc())
    return db.session.scalars(query).all()


def create_package(terms: Terms, *, actor: Actor, now: datetime) -> int:
    """Put a new package on sale; its id. Raises `PackageRefused` when the same one is on sale already."""
    with transaction() as session:
        _refuse_twin(session, terms)
        package = Package(created_at=now)
        session.add(package)
        session.flush()
        _add_terms(session, package.id, terms, actor, now)
        return package.id


def change_package(package_id: int, terms: Terms, *, seen_terms_id: int, actor: Actor, now: datetime) -> None:
    """Give a package new terms; orders keep theirs. `seen_terms_id`: the terms the operator looked at.

    Raises `PackageRefused` when it is retired, when somebody else changed it since, or for a twin.
    """
    with transaction() as session:
        _refuse_twin(session, terms, besides=package_id)
        newest = _lock_for_sale(session, package_id)
        if newest.id != seen_terms_id:
            raise PackageRefused(
                _("Somebody else changed this package meanwhile. Look at the new terms, then try again.")
            )
        if _as_terms(newest) != terms:
            _add_terms(session, package_id, terms, actor, now)


def retire_package(package_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a package off sale for good. One that is retired already stays as it was."""
    with transaction() as session:
        package = session.get(Package, package_id, with_for_update=True, populate_existing=True)
        if package is None:
            raise PackageRefused(_("There is no such package."))
        if package.retired_at is None:
            package.retired_at, package.retired_by_id, package.retired_by_name = now, actor.id, actor.name


def _with_newest_terms() -> Select[Package, PackageTerms]:
    each = aliased(PackageTerms)
    newest = select(func.max(each.id)).where(each.package_id == Package.id).scalar_subquery()
    return select(Package, PackageTerms).join(PackageTerms, PackageTerms.id == newest)


def _refuse_twin(session: Session, terms: Terms, besides: int | None = None) -> None:
    """Two packages of one size and validity would only differ in price; a double click would make them.

    The lock lets one operator at a time come past here; it does not hold up buyers.
    """
    session.execute(text("LOCK TABLE package IN SHARE ROW EXCLUSIVE MODE"))
    for each in packages_for_sale():
        same = (each.credits, each.validity_months) == (terms.credits, terms.validity_months)
        if same and each.package_id != besides:
            raise PackageRefused(
                _("A package with this size and validity is on sale already: change that one instead.")
            )


def _lock_for_sale(session: Session, package_id: int) -> PackageTerms:
    package = session.get(Package, package_id, with_for_update=True, populate_existing=True)
    if package is None or package.retired_at is not None:
        raise PackageRefused(_("This package is retired and cannot be changed. Create a new one."))
    return history(package_id)[0]


def _add_terms(session: Session, package_id: int, terms: Terms, actor: Actor, now: datetime) -> None:
    session.add(
        PackageTerms(
            package_id=package_id,
            credits=terms.credits,
            validity_months=terms.validity_months,
            price_usd_minor=terms.price_usd_minor,
            price_eur_minor=terms.price_eur_minor,
            created_at=now,
            created_by_id=actor.id,
            created_by_name=actor.name,
        )
    )
    session.flush()


def _as_terms(row: PackageTerms) -> Terms:
    return Terms(row.credits, row.validity_months, row.price_usd_minor, row.price_eur_minor)
