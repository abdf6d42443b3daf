"""What a customer sees at a made-up till: a price and two buttons. Plain forms, no scripts."""

from __future__ import annotations

from html import escape
from typing import Final

from scripts.fakes.server import Answer

_SIGNS: Final = {"RUB": "₽", "EUR": "€", "USD": "$"}
_STYLE: Final = """
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.45 system-ui,sans-serif;background:#eef0f4}
main{width:min(25rem,92vw);padding:2rem;border-radius:1rem;background:#fff;color:#1d2330;box-shadow:0 12px 40px #0002}
small{color:#69738a}h1{margin:.3rem 0;font-size:1.3rem}p{margin:.4rem 0 1rem}
.price{font-size:2.1rem;font-weight:700;margin:.6rem 0 1.2rem}
button,.button{display:block;width:100%;padding:.8rem;margin-top:.6rem;border:0;border-radius:.7rem;font:inherit;
font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
.pay{background:var(--own);color:#fff}.no{background:transparent;color:var(--own)}
button:focus-visible,a:focus-visible{outline:3px solid var(--own);outline-offset:2px}
@media(prefers-color-scheme:dark){body{background:#12151c}main{background:#1d2330;color:#f2f4f8}small{color:#98a2b8}}
"""


def shown(decimal: str, currency: str) -> str:
    """An amount as people read it."""
    whole, point, part = decimal.partition(".")
    grouped = f"{int(whole):,}".replace(",", "\u202f")
    return f"{grouped}{point}{part} {_SIGNS.get(currency.upper(), currency.upper())}"


def till(*, name: str, colour: str, address: str, title: str, price: str, note: str = "") -> Answer:
    """
    The form.

    :param address: below which ``pay`` and ``decline`` are
    :param note: what else is agreed to by paying
    """
    more = f"<p><small>{escape(note)}</small></p>" if note else ""
    return _page(
        name,
        colour,
        f"""<small>A made-up {escape(name)}: no money is moved.</small>
<h1>{escape(title)}</h1><div class="price">{escape(price)}</div>{more}
<form method="post" action="{escape(address)}/pay"><button class="pay">Pay</button></form>
<form method="post" action="{escape(address)}/decline"><button class="no">Decline</button></form>""",
    )


def ended(*, name: str, colour: str, says: str, onward: str = "") -> Answer:
    """A till at which nothing is to be paid any more."""
    link = f'<a class="button pay" href="{escape(onward)}">Go on</a>' if onward else ""
    return _page(name, colour, f"<small>A made-up {escape(name)}.</small><h1>{escape(says)}</h1>{link}")


def _page(name: str, colour: str, body: str) -> Answer:
    return Answer.page(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>:root{{--own:{colour}}}{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
