"""Commands of campaigns: the sandbox gateway as a process of its own."""

import click

from webapp import config
from webapp.campaigns import settings
from webapp.campaigns.gateways.sandbox import server


@click.command("gateway")
def gateway() -> None:
    """Run the built-in sandbox gateway: it takes messages, keeps them for reading and sends receipts."""
    try:
        sending = settings.read(config.read())
        server.serve(sending)
    except config.SettingError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"The gateway cannot listen at {sending.url}: {error.strerror}."
        ) from error
