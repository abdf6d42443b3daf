"""
Telegram's question before it takes money, which waits for no queue: decided by the books in one short transaction, and
answered after it. ``ok`` is no payment, and reserves nothing: who pays twice has a surplus.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from billing.gateways import telegram
from billing.models import Invoice, Wallet
from billing.rules.pre_checkouts import Quote, Refusal, judge
from core import clock
from core.actors import Actor
from core.database import operation
from core.money import Money

# Said by Telegram to whoever wanted to pay.
WORDS: Final[Mapping[Refusal, str | Promise]] = {
    Refusal.UNKNOWN: _("We do not know this invoice. Please ask for a new one."),
    Refusal.NOT_YOURS: _("This invoice was made for somebody else. Please ask for one of your own."),
    Refusal.PAID: _("This invoice is paid already."),
    Refusal.EXPIRED: _("This invoice has expired. Please ask for a new one."),
    Refusal.CANCELLED: _("This invoice was withdrawn. Please ask for a new one."),
    Refusal.OTHER_PRICE: _("The price has changed. Please ask for a new invoice."),
    Refusal.NOT_SOLD: _("This is not sold any more."),
    Refusal.UNSURE: _("We could not check this invoice just now. Please try again in a minute."),
}
# Those who may spend a company's money.
_BUYERS: Final = (Membership.Role.ADMIN, Membership.Role.MANAGER)


def answer(*, query: Mapping[str, Any], by: Actor) -> Refusal | None:
    """
    Decide about a ``pre_checkout_query`` and tell Telegram. Whoever waits there is told, also that nobody could decide.

    :returns: why the payer was refused; None where they may pay
    :raises billing.gateways.provider.ProviderUnavailable: Telegram does not listen; the payer may try again
    """
    asked = telegram.read_question(query)
    refusal: Refusal | None = Refusal.UNSURE
    try:
        refusal = decide(asked=asked, by=by)
    finally:
        with translation.override(_language(asked.language_code)):
            telegram.answer_question(asked.id, refusal=str(WORDS[refusal]) if refusal else "")
    return refusal


@operation
def decide(*, asked: telegram.Question, by: Actor) -> Refusal | None:
    """Why money must not be taken; None where it may. Changes nothing."""
    invoices = Invoice.objects.select_related("wallet__user", "tariff")
    invoice = invoices.filter(pk=asked.invoice_id).first() if asked.invoice_id else None
    if invoice is None or asked.amount is None:
        return Refusal.UNKNOWN
    prices = {invoice.amount_money}
    if invoice.amount_stars is not None:
        prices.add(Money(invoice.amount_stars, "XTR"))
    quote = Quote(
        status=invoice.status,
        is_due=invoice.expires_at <= clock.now(),
        prices=prices,
        payers=_payers(invoice.wallet),
        is_sold=invoice.tariff.is_active,
    )
    return judge(quote, payer=asked.payer, amount=asked.amount)


def _payers(wallet: Wallet) -> set[int | None]:
    if wallet.user is not None:
        return {wallet.user.telegram_id} - {None}
    members = Membership.objects.filter(company=wallet.company, role__in=_BUYERS, user__telegram_id__isnull=False)
    return set(members.values_list("user__telegram_id", flat=True))


def _language(code: str) -> str:
    """The house's language that is nearest to theirs; English for everybody else."""
    try:
        return translation.get_supported_language_variant(code or "en")
    except LookupError:
        return "en"
