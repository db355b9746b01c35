"""The sandbox's inbox: what a phone would have received, to be read by a person."""

from datetime import UTC, datetime
from html import escape
from urllib.parse import urlencode

from webapp.campaigns.gateways.sandbox.store import Kept, Store

PER_PAGE = 50

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
form { display: flex; gap: .5rem; flex-wrap: wrap; align-items: end; margin: 1rem 0; }
input { font: inherit; padding: .3rem .5rem; }
button { font: inherit; padding: .3rem .8rem; }
article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem;
    padding: .75rem 1rem; margin: .75rem 0; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-variant-numeric: tabular-nums; }
p.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; }
small { opacity: .8; }
"""


def inbox(store: Store, query: dict[str, list[str]]) -> str:
    """The page: newest first, of one number where asked for, with a link to the older ones."""
    phone = query.get("phone", [""])[0].strip().replace(" ", "")
    before = query.get("before", [""])[0]
    messages = store.newest(
        phone=phone, before=int(before) if before.isdecimal() else None, limit=PER_PAGE + 1
    )
    counts = store.counts()
    older = ""
    if len(messages) > PER_PAGE:
        address = "/?" + urlencode({"phone": phone, "before": messages[PER_PAGE - 1].id})
        older = f'<p><a href="{escape(address)}">Older messages</a></p>'
    shown = "".join(map(article, messages[:PER_PAGE])) or "<p>No message here.</p>"
    return page(
        f"""<p>Nothing here leaves this machine. {counts["accepted"]:,} messages taken,
        {counts["refused"]:,} refused, {counts["receipts"]:,} receipts delivered.</p>
        <form method="get"><label>Number<br>
        <input name="phone" value="{escape(phone)}" inputmode="tel"></label>
        <button>Show</button></form>{shown}{older}"""
    )


def article(kept: Kept) -> str:
    at = datetime.fromtimestamp(kept.received_at, UTC).strftime("%d %B %Y, %H:%M:%S UTC")
    offered = "" if kept.offered == 1 else f" Offered {kept.offered} times, kept once."
    return f"""<article><header><strong>{escape(kept.phone)}</strong><span>from {escape(kept.sender)}</span>
        <span>{fate(kept)}</span></header><p class="text">{escape(kept.text)}</p>
        <small>{at}. {escape(kept.encoding)}, {kept.segments} part{"s" * (kept.segments != 1)}.
        Reference {escape(kept.reference)}.{offered}</small></article>"""


def fate(kept: Kept) -> str:
    if kept.status == "refused":
        return f"refused: {escape(kept.reason)}"
    return escape(kept.outcome or "") if kept.receipt_taken_at else "on its way"


def nothing_here() -> str:
    return page('<p>There is nothing here. <a href="/">To the inbox</a></p>')


def page(content: str) -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox gateway</title>
        <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>
        <body><main><h1>Sandbox gateway</h1>{content}</main></body></html>"""
