"""SMS Credits: know what a campaign costs before it is sent.

Importing the package imports nothing else: the guard of the embedded server and the pricing engine
start without a web framework.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from webapp.config import Settings


def create_app(settings: "Settings", database_url: str) -> "Flask":
    """The application, wired in reading order."""
    from flask import Flask

    from webapp import config

    app = Flask(
        __name__,
        template_folder=str(config.resources("templates")),
        static_folder=str(config.resources("static")),
        instance_path=str(settings.instance),
    )
    app.config.update(config.flask_settings(settings, database_url))
    trust_proxies(app, settings.trusted_proxies)
    register_extensions(app)
    register_frame(app)
    register_features(app)
    return app


def trust_proxies(app: "Flask", count: int) -> None:
    """Believes what that many proxies in front of us say of the client's address and scheme."""
    from werkzeug.middleware.proxy_fix import ProxyFix

    if count:
        proxied = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
        app.wsgi_app = proxied  # type: ignore[method-assign]


def register_extensions(app: "Flask") -> None:
    from flask_mailman import Mail
    from flask_migrate import Migrate

    from webapp.db import db
    from webapp.migrating import FOLDER

    db.init_app(app)
    Migrate(app, db, directory=str(FOLDER))
    Mail(app)


def register_frame(app: "Flask") -> None:
    from webapp.accounts import sign_in
    from webapp.web import addresses, errors, formats, frame, headers, languages

    for part in (addresses, languages, sign_in, frame, formats, errors, headers):
        part.init_app(app)


def register_features(app: "Flask") -> None:
    from webapp import health
    from webapp.accounts import views as accounts
    from webapp.audience import views as audience
    from webapp.campaigns import views as campaigns
    from webapp.credits import views as credits
    from webapp.home import views as home
    from webapp.pricing import views as pricing
    from webapp.reports import views as reports
    from webapp.shop import views as shop

    app.register_blueprint(health.blueprint)
    for feature in (accounts, audience, campaigns, credits, pricing, reports, shop):
        app.register_blueprint(feature.blueprint)
    home.init_app(app)
    register_sending(app)
    register_erasers()


def register_sending(app: "Flask") -> None:
    from webapp.campaigns import gateways
    from webapp.campaigns import settings as sending

    gateways.check(app.config["SETTINGS"].gateway)
    sending.init_app(app)


def register_erasers() -> None:
    """Who keeps people's numbers besides the lists: asked when somebody is erased."""
    from webapp.audience.erasure import also_erase
    from webapp.campaigns.erasure import erase as erase_from_messages
    from webapp.reports.erasure import erase as erase_from_files

    also_erase(erase_from_messages)
    also_erase(erase_from_files)
