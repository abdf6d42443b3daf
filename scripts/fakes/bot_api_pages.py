"""What somebody sees who opens an invoice's link: a price and two buttons. Plain forms, no scripts."""

from __future__ import annotations

from html import escape
from typing import Final

from scripts.fakes.bot_api_world import Invoice, Paid
from scripts.fakes.server import Answer

_EXPONENTS: Final = {"XTR": 0, "JPY": 0, "KRW": 0, "VND": 0, "CLP": 0}
_SIGNS: Final = {"XTR": "⭐", "RUB": "₽", "EUR": "€", "USD": "$"}
_STYLE: Final = """
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.45 system-ui,sans-serif;background:#dfe8ef}
main{width:min(24rem,92vw);padding:1.75rem;border-radius:1.1rem;background:#fff;color:#17212b;
box-shadow:0 12px 40px #0003}
small{color:#6b7c8c}h1{margin:.2rem 0;font-size:1.3rem}p{margin:.4rem 0 1rem}
.price{font-size:2rem;font-weight:700;margin:.6rem 0 1rem}
label{display:block;font-size:.9rem;color:#6b7c8c}
input{width:100%;margin:.25rem 0 1rem;padding:.65rem .8rem;font:inherit;border:1px solid #b9c6d1;border-radius:.6rem;
background:transparent;color:inherit}
button{width:100%;padding:.75rem;margin-top:.5rem;border:0;border-radius:.7rem;font:inherit;font-weight:600;
cursor:pointer}
.pay{background:#2aabee;color:#fff}.no{background:transparent;color:#2aabee}
button:focus-visible,input:focus-visible,a:focus-visible{outline:3px solid #2aabee66;outline-offset:2px}
.good{color:#1f9d55}.bad{color:#d64545}a{color:#2aabee}
@media(prefers-color-scheme:dark){body{background:#0e1621}main{background:#17212b;color:#f5f5f5}
input{border-color:#3a4a5a}}
"""


def shown(total: int, currency: str) -> str:
    """An amount as people read it."""
    exponent = _EXPONENTS.get(currency, 2)
    whole, rest = divmod(total, 10**exponent)
    number = f"{whole:,}".replace(",", "\u202f") + (f".{rest:0{exponent}d}" if exponent else "")
    return f"{number} {_SIGNS.get(currency, currency)}"


def invoice_page(invoice: Invoice, *, payer: str = "") -> Answer:
    """
    The form.

    :param payer: whose Telegram id stands in it already
    """
    period = "<p><small>every 30 days, until cancelled</small></p>" if invoice.period else ""
    return _page(
        invoice.title,
        f"""<small>A made-up Telegram: no money is moved.</small>
<h1>{escape(invoice.title)}</h1><p>{escape(invoice.description)}</p>
<div class="price">{escape(shown(invoice.total, invoice.currency))}</div>{period}
<form method="post" action="{escape(invoice.slug)}/pay">
<label for="user">Who pays: a Telegram id</label>
<input id="user" name="user" inputmode="numeric" pattern="[0-9]+" required value="{escape(payer)}">
<button class="pay">Pay</button></form>
<form method="post" action="{escape(invoice.slug)}/decline"><button class="no">Decline</button></form>""",
    )


def outcome_page(invoice: Invoice, paid: Paid) -> Answer:
    """How it ended."""
    title, kind = {
        "paid": ("Paid", "good"),
        "declined": ("The bot declined", "bad"),
        "timeout": ("The bot did not answer in time", "bad"),
    }.get(paid.status, ("Not paid", "bad"))
    price = escape(shown(invoice.total, invoice.currency))
    says = f"<p>{escape(paid.says)}</p>" if paid.says else ""
    charge = f"<p><small>Charge {escape(paid.charge_id)}</small></p>" if paid.charge_id else ""
    return _page(
        title,
        f"""<h1 class="{kind}">{escape(title)}</h1><p>{escape(invoice.title)}, {price}</p>{says}{charge}
<a href="../{escape(invoice.slug)}">Back to the invoice</a>""",
    )


def _page(title: str, body: str) -> Answer:
    return Answer.page(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
