"""Headers that tell browsers what our pages never do."""

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Accept-CH": "Sec-CH-Prefers-Color-Scheme",
}
YEAR_S = 365 * 24 * 3600


def secured(response: Response) -> Response:
    """Adds them; pages are kept by nobody, static files (their address changes with them) for a year."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}; includeSubDomains")
    if request.endpoint == "static":
        if request.args.get("v"):
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    else:
        response.headers.setdefault("Cache-Control", "no-store, private")
    response.vary.update(
        ("Cookie", "Sec-CH-Prefers-Color-Scheme")
    ) if response.mimetype == "text/html" else None
    return response


def init_app(app: Flask) -> None:
    app.after_request(secured)
