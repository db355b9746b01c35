"""The door through which a gateway says what became of messages. Believed only when it is signed."""

from flask import Response, abort, current_app, jsonify, request
from flask_wtf.csrf import CSRFProtect

from webapp import clock
from webapp.accounts.access import public
from webapp.campaigns import receipts, settings
from webapp.campaigns.gateways import gateway
from webapp.campaigns.gateways.api import BadReports
from webapp.campaigns.views import blueprint

MOST_BODY_BYTES = 4 * 1024 * 1024


@blueprint.post("/gateways/<name>/receipts")
@public
def take_receipts(name: str) -> Response:
    """A batch of receipts. 401 for what the gateway has not signed; the same batch again changes nothing."""
    sending = settings.current()
    if name != sending.gateway:
        abort(404)
    request.max_content_length = MOST_BODY_BYTES
    try:
        reports = gateway(sending).reports(request.get_data(), dict(request.headers), clock.now())
    except BadReports as refused:
        current_app.logger.warning("receipts refused: %s", refused)
        return refusal(str(refused))
    taken = receipts.receive(reports, now=clock.now())
    return jsonify(new=taken.new, known=taken.known, unknown=taken.unknown)


def refusal(sentence: str) -> Response:
    response = jsonify(error=sentence)
    response.status_code = 401
    return response


def without_token(state: object) -> None:
    """A gateway has no form and no token: its signature stands for both."""
    protect: CSRFProtect | None = state.app.extensions.get("csrf")  # type: ignore[attr-defined]
    if protect is not None:
        protect.exempt(f"{take_receipts.__module__}.{take_receipts.__name__}")


blueprint.record(without_token)
