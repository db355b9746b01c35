"""One address, two answers: the page, or only the fragment of it that htmx asked to replace.

The only module that knows how htmx asks and what it understands; the views say `render` and `see_other`.
"""

from urllib.parse import urlsplit

from flask import Response, flash, get_flashed_messages, make_response, render_template, request
from flask_login import current_user
from jinja2 import TemplateNotFound
from werkzeug.utils import redirect

VARY = ("HX-Request", "HX-Request-Type", "HX-Target")
WIDGET = "credits/_widget.html"


def wants_fragment() -> bool:
    """Whether htmx asks for a part of the page, and not to be sent back to an older page of its history."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Request-Type", "partial") == "partial"
        and headers.get("HX-History-Restore-Request") != "true"
        and headers.get("HX-Boosted") != "true"
    )


def render(page: str, fragment: str, /, **context: object) -> Response:
    """The page, or its fragment for htmx, from the same context; caches are told that they differ."""
    if wants_fragment():
        return answer(with_messages(render_template(fragment, **context)))
    return answer(render_template(page, **context))


def invalid(page: str, fragment: str, /, **context: object) -> Response:
    """The same page or fragment with what must be mended in it: 422. What was said before it, goes."""
    html = render_template(fragment if wants_fragment() else page, **context)
    return answer((html + messages() if wants_fragment() else html, 422))


def see_other(url: str, message: str | None = None) -> Response:
    """After a POST that worked: says so, and shows `url` by a GET (303).

    htmx follows the 303 by itself and gets the fragment of `url`, when that is the page it is in already;
    to another page it is told to go.
    """
    if message:
        flash(message, "success")
    if wants_fragment() and urlsplit(url).path != urlsplit(request.headers.get("HX-Current-URL", "")).path:
        return answer(make_response("", 200, {"HX-Redirect": url}))
    return answer(redirect(url, 303))


def answer(content: str | Response | object) -> Response:
    """A response that says on which headers of htmx it depends."""
    response = make_response(content)
    response.vary.update(VARY)
    return response


def with_messages(fragment: str) -> str:
    """The fragment, with what is to be said and the changed widget, each put in its own place."""
    if not get_flashed_messages():
        return fragment
    return with_widget(fragment + messages())


def messages() -> str:
    """What is to be said, in the place of what was said before."""
    return render_template("_messages.html", out_of_band=True)


def with_widget(html: str) -> str:
    """The fragment, with the credit widget of the side bar beside it, out of band; an operator has none."""
    if not getattr(current_user, "platform", None):
        return html
    try:
        widget = render_template(WIDGET, out_of_band=True)
    except TemplateNotFound:
        return html
    return html + widget
