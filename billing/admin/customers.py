"""What is a customer's, on the pages of people and companies: their wallet, what they bought, the way to the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from billing.admin.display import outcome_badge, state_badge
from billing.models import Hold, Invoice, Payment, PromoRedemption, Transaction, Wallet
from billing.owners import Owner
from billing.queries.balances import shown_wallets
from core.admin.display import badge, list_url, moment, number, object_link
from core.admin.panels import Column, Panel
from core.admin.related import register_panels

_SHOWN: Final = 5


@register_panels(User)
def of_user(request: HttpRequest, user: User) -> Sequence[Panel]:
    """What is a person's."""
    return _panels(request, Owner.user(user.pk))


@register_panels(Company)
def of_company(request: HttpRequest, company: Company) -> Sequence[Panel]:
    """What is a company's."""
    return _panels(request, Owner.company(company.pk))


def _panels(request: HttpRequest, owner: Owner) -> Sequence[Panel]:
    if not request.user.has_perm("billing.view_wallet"):
        return []
    wallet = Wallet.objects.filter(owner.narrowed()).first()
    if wallet is None:
        return [Panel(title=_("Wallet"), columns=(), rows=(), empty=_("They have no wallet."))]
    return [_wallet(wallet), _invoices(wallet), _payments(wallet)]


def _wallet(wallet: Wallet) -> Panel:
    shown = shown_wallets([wallet])[wallet.pk]
    lists = (
        (list_url(model, wallet__exact=wallet.pk), model._meta.verbose_name_plural)
        for model in (Invoice, Transaction, Hold, PromoRedemption)
    )
    return Panel(
        title=_("Wallet"),
        columns=(
            Column(_("wallet")),
            Column(_("balance"), numeric=True),
            Column(_("held"), numeric=True),
            Column(_("available"), numeric=True),
            Column(_("subscription until")),
            Column(_("state")),
        ),
        rows=[
            (
                object_link(wallet, _("Statement")),
                number(shown.token_balance),
                number(shown.held_tokens),
                number(shown.available_tokens),
                moment(wallet.subscription_end),
                badge(_("frozen"), "bad") if wallet.frozen_at else badge(_("open"), "good"),
            )
        ],
        empty="",
        note=format_html_join(" · ", '<a class="dv-link" href="{}">{}</a>', lists),
    )


def _invoices(wallet: Wallet) -> Panel:
    found = Invoice.objects.filter(wallet=wallet).select_related("tariff").order_by("-id")[:_SHOWN]
    return Panel(
        title=_("Latest invoices"),
        columns=(
            Column(_("invoice")),
            Column(_("tariff")),
            Column(_("to pay"), numeric=True),
            Column(_("state")),
            Column(_("created")),
        ),
        rows=[
            (
                object_link(each, each.number or _("without a number")),
                object_link(each.tariff),
                each.amount_money,
                state_badge(each),
                moment(each.created_at),
            )
            for each in found
        ],
        empty=_("None yet."),
        more_url=list_url(Invoice, wallet__exact=wallet.pk),
    )


def _payments(wallet: Wallet) -> Panel:
    found = Payment.objects.filter(invoice__wallet=wallet).order_by("-id")[:_SHOWN]
    return Panel(
        title=_("Latest payments"),
        columns=(
            Column(_("payment")),
            Column(_("provider")),
            Column(_("received"), numeric=True),
            Column(_("outcome")),
            Column(_("when")),
        ),
        rows=[
            (
                object_link(each, each.provider_payment_id),
                each.get_provider_display(),
                each.amount_money,
                outcome_badge(each),
                moment(each.created_at),
            )
            for each in found
        ],
        empty=_("None yet."),
    )
