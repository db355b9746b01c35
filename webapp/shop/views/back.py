"""The way back to where somebody came from to buy: usually a draft that was short of credits."""

from flask import request

from webapp.web.redirects import local_path


def asked_back() -> str | None:
    """The page to return to, when the address or the form names one of this site."""
    return local_path(request.values.get("back"), otherwise="") or None
