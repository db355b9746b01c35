"""The languages of the pages, and the token that every form carries."""

from flask import Flask
from flask_babel import Babel
from flask_wtf import CSRFProtect

from webapp import config


def init_app(app: Flask) -> None:
    from webapp.web.frame import choose_language

    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(config.PACKAGE / "translations")
    app.jinja_env.policies["ext.i18n.trimmed"] = True  # as pyproject.toml tells pybabel
    Babel(app, locale_selector=choose_language)
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    CSRFProtect(app)
