"""A wallet's balance, explained: lots, open holds, and the ledger with its running balance."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin.display import promo_code_link, type_badge
from billing.models import Transaction, Wallet
from billing.owners import Owner
from billing.queries.explanation import Explanation, Line, explain_balance
from core.admin.display import NOTHING, Text, code, moment, number, object_link, short, signed
from core.admin.panels import Column, Panel

ROWS = 50


@dataclass(frozen=True, slots=True)
class Because:
    """What a ledger row came from: a name and a link."""

    name: Text
    value: SafeString | str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the statement."""

    number: str
    when: SafeString | str
    type: SafeString
    description: SafeString | str
    because: list[Because]
    who: str
    tokens: SafeString
    balance: str


@dataclass(frozen=True, slots=True)
class Statement:
    """
    What the page of a wallet shows.

    :param older: the query string of the page with older rows; empty on the last
    """

    explained: Explanation
    entries: list[Entry]
    lots: Panel
    holds: Panel
    older: str
    is_latest: bool

    @classmethod
    def of(cls, wallet: Wallet, *, before: str = "") -> Statement:
        """
        Explain a wallet's balance.

        :param before: the number of the row before which the statement ends; anything else means the latest rows
        """
        until = int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else None
        explained = explain_balance(Owner.wallet(wallet.pk), limit=ROWS, before=until)
        last = explained.lines[-1].transaction.sequence if explained.older else 0
        return cls(
            explained=explained,
            entries=[_entry(line) for line in explained.lines],
            lots=_lots(explained),
            holds=_holds(explained),
            older=f"?before={last}" if last else "",
            is_latest=until is None,
        )


def _entry(line: Line) -> Entry:
    row = line.transaction
    return Entry(
        number=number(row.sequence),
        when=object_link(row, moment(row.created_at)),
        type=type_badge(row),
        description=short(row.description, 80) if row.description else "",
        because=_because(line),
        who=line.who,
        tokens=signed(row.tokens_delta),
        balance=number(row.balance_after),
    )


def _because(line: Line) -> list[Because]:
    row = line.transaction
    found = []
    if row.invoice is not None:
        found.append(Because(gettext_lazy("invoice"), object_link(row.invoice)))
        if row.invoice.promo_code is not None:
            found.append(Because(gettext_lazy("promo code"), promo_code_link(row.invoice.promo_code)))
    if line.payment is not None:
        named = code(line.payment.provider_payment_id)
        found.append(Because(gettext_lazy("payment"), object_link(line.payment, named)))
    if row.hold is not None:
        found.append(Because(gettext_lazy("hold"), object_link(row.hold, number(row.hold.tokens))))
    if row.reverses is not None:
        found.append(Because(gettext_lazy("from no."), object_link(row.reverses, number(row.reverses.sequence))))
    if row.expires_at is not None:
        found.append(Because(gettext_lazy("expires"), moment(row.expires_at)))
    return found


def _lots(explained: Explanation) -> Panel:
    types = dict(Transaction.Type.choices)
    return Panel(
        title=gettext_lazy("Lots, in the order they are spent"),
        columns=(
            Column(gettext_lazy("source")),
            Column(gettext_lazy("row"), numeric=True),
            Column(gettext_lazy("given"), numeric=True),
            Column(gettext_lazy("left"), numeric=True),
            Column(gettext_lazy("expires")),
        ),
        rows=[
            (
                types[lot.type],
                number(lot.sequence),
                number(lot.tokens),
                number(lot.remaining),
                moment(lot.expires_at) if lot.expires_at else _("never"),
            )
            for lot in explained.balance.lots
        ],
        empty=gettext_lazy("Nothing is left of any credit."),
    )


def _holds(explained: Explanation) -> Panel:
    return Panel(
        title=gettext_lazy("Open holds"),
        columns=(
            Column(gettext_lazy("since")),
            Column(gettext_lazy("tokens"), numeric=True),
            Column(gettext_lazy("expires")),
            Column(gettext_lazy("description")),
        ),
        rows=[
            (
                object_link(hold, moment(hold.created_at)),
                number(hold.tokens),
                moment(hold.expires_at),
                short(hold.description, 40) if hold.description else NOTHING,
            )
            for hold in explained.open_holds
        ],
        empty=gettext_lazy("No tokens are set aside."),
    )
