"""What an installation may set about uploads; the defaults suit one machine."""

from flask import current_app

UPLOAD_MB = 512
UNPACKED_MB = 4_096


def upload_bytes_max() -> int:
    """The largest file that is taken."""
    return int(current_app.config.get("UPLOAD_MB", UPLOAD_MB)) << 20


def unpacked_bytes_max() -> int:
    """What an XLSX may be once it is unpacked; it is a compressed archive, and can be made to swell."""
    return int(current_app.config.get("UNPACKED_MB", UNPACKED_MB)) << 20
