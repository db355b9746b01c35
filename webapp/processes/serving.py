"""The web server: gunicorn, set up from our settings, with nothing read from files of its own."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from webapp.config import Settings

THREADS = 8
TIMEOUT_S = 120
STOP_WITHIN_S = 10


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, with an application that each of its processes makes for itself."""

    def __init__(self, settings: Settings, make_app: Callable[[], Flask]) -> None:
        self.settings = settings
        self.make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self.settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.make_app()


def options(settings: Settings) -> dict[str, Any]:
    host = f"[{settings.address}]" if ":" in settings.address else settings.address
    return {
        "bind": f"{host}:{settings.port}",
        "workers": settings.web_processes,
        "worker_class": "gthread",
        "threads": THREADS,
        "timeout": TIMEOUT_S,
        "graceful_timeout": STOP_WITHIN_S,
        "proc_name": "sms-credits web",
        "control_socket_disable": True,
        "loglevel": "warning",
        "forwarded_allow_ips": "",
    }
