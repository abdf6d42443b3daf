"""``manage.py explain_balance``: where a customer's tokens came from and went."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from billing.errors import WalletNotFound
from billing.models import Transaction
from billing.owners import Owner
from billing.queries.explanation import Explanation, explain_balance
from core.commands import InBothLanguages


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Explain a customer's balance: the ledger as a person reads it.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help=_("the user's UUID, Telegram id, @username or login"))
        parser.add_argument("--rows", type=int, default=200, help=_("how many ledger rows at the most (200)"))

    def handle(self, *args: Any, user: str, rows: int = 200, **options: Any) -> None:
        try:
            explanation = explain_balance(_owner(user), limit=max(rows, 1))
        except WalletNotFound as missing:
            raise CommandError(str(missing)) from missing
        self._write(explanation)

    def _write(self, explanation: Explanation) -> None:
        balance = explanation.balance
        self.stdout.write(
            _("Balance %(balance)d, held %(held)d, available %(available)d, debt %(debt)d.")
            % {
                "balance": balance.token_balance,
                "held": balance.held_tokens,
                "available": balance.available_tokens,
                "debt": balance.wallet.debt_tokens,
            }
        )
        if balance.wallet.frozen_at is not None:
            self.stdout.write(_("Frozen: %s") % balance.wallet.frozen_reason)
        if explanation.unswept:
            self.stdout.write(
                ngettext(
                    "%d token has expired and will be booked with the next movement.",
                    "%d tokens have expired and will be booked with the next movement.",
                    explanation.unswept,
                )
                % explanation.unswept
            )
        for lot in balance.lots:
            until = timezone.localtime(lot.expires_at).strftime("%Y-%m-%d %H:%M") if lot.expires_at else _("never")
            self.stdout.write(
                _("  left %(remaining)d of %(tokens)d (%(type)s, no. %(sequence)d), expires: %(until)s")
                % {
                    "remaining": lot.remaining,
                    "tokens": lot.tokens,
                    "type": Transaction.Type(lot.type).label,
                    "sequence": lot.sequence,
                    "until": until,
                }
            )
        for hold in explanation.open_holds:
            self.stdout.write(_("  held %(tokens)d: %(hold)s") % {"tokens": hold.tokens, "hold": hold.pk})
        self.stdout.write("")
        for line in explanation.lines:
            row = line.transaction
            moment = timezone.localtime(row.created_at).strftime("%Y-%m-%d %H:%M:%S")
            tokens = f"{row.tokens_delta:>+8d}  → {row.balance_after:>8d}"
            text = f"{row.sequence:>6}  {moment}  {tokens}  {row.get_type_display():<17}"
            details = "; ".join(part for part in (row.description, *line.because, line.who) if part)
            self.stdout.write(f"{text}  {details}")
        if explanation.older:
            said = ngettext(
                "… and %d older row (--rows shows more).", "… and %d older rows (--rows shows more).", explanation.older
            )
            self.stdout.write(said % explanation.older)


def _owner(named: str) -> Owner:
    try:
        return Owner.user(UUID(named))
    except ValueError:
        pass
    if named.isdecimal():
        return Owner.telegram(int(named))
    found = list(User.objects.filter(username__iexact=named.removeprefix("@"))[:2])
    found = found or list(User.objects.filter(login=named)[:2])
    if len(found) != 1:
        raise CommandError(_("%(found)d users answer to %(name)r.") % {"found": len(found), "name": named})
    return Owner.user(found[0].pk)
