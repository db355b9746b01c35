"""The gateways this installation can send through, by name."""

from collections.abc import Callable, Mapping

from webapp.campaigns.gateways.api import Gateway
from webapp.campaigns.gateways.sandbox.client import SandboxGateway
from webapp.campaigns.settings import SendingSettings
from webapp.config import SettingError

GATEWAYS: Mapping[str, Callable[[SendingSettings], Gateway]] = {"sandbox": SandboxGateway}


def check(name: str) -> None:
    """Raises `SettingError` for a gateway there is not."""
    if name not in GATEWAYS:
        known = ", ".join(sorted(GATEWAYS))
        raise SettingError(f"SMS_CREDITS_GATEWAY is {name!r}; known are: {known}.")


def gateway(settings: SendingSettings) -> Gateway:
    """The gateway the settings name. Raises `SettingError`."""
    check(settings.gateway)
    return GATEWAYS[settings.gateway](settings)
