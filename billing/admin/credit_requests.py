"""Credits too large for one: what waits for a second colleague, and what became of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, actor_name, credited, owner_name, state_badge, wallet_link
from billing.admin.search import by_id, of_customer
from billing.models import CreditRequest
from billing.operations import credit_requests
from billing.queries.balances import shown_wallets
from billing.queries.credit_limits import APPROVE
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, moment, number, object_link, short
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonForm
from core.admin.panels import Column, Panel
from core.admin.views import ViewFilter, ViewsAdmin

_SHOWN: Final = 10


class RequestViews(ViewFilter):
    views = (
        ("pending", _("Waiting")),
        ("approved", _("Approved")),
        ("declined", _("Declined")),
        ("expired", _("Not decided in time")),
        ("all", _("All")),
    )

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        return rows if view == "all" else rows.filter(state=view)


class ApproveForm(DeedForm):
    """Nothing is asked: the reason is the one that was given with the credit."""


@admin.register(CreditRequest)
class CreditRequestAdmin(ViewsAdmin[CreditRequest], FactsAdmin[CreditRequest]):
    """A credit moves no tokens before a second person has approved it."""

    view_filter = RequestViews
    list_display = ("when", "customer", "asked_tokens", "why", "asked_by", "state_now", "until")
    list_filter: ClassVar[Any] = (RequestViews,)
    list_select_related = OWNERS
    search_fields = ("wallet",)
    search_help_text = _("A customer's @username or Telegram id, or the id of a customer, a wallet or a credit")
    actions_detail = ("approve", "decline")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditRequest]:
        return super().get_queryset(request).select_related(*OWNERS, "decided_by")

    def find(self, term: str) -> Q:
        return by_id(term) | of_customer(term)

    def is_offered(self, request: HttpRequest, row: CreditRequest, name: str) -> bool:
        return row.state == CreditRequest.State.PENDING

    def has_decide_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        if not request.user.has_perm(APPROVE):
            return False
        # Nobody decides about their own, whatever their rights.
        row = self.get_object(request, unquote(str(object_id)))
        return row is None or row.requested_by_id != request.user.pk

    @deed(
        title=_("Approve"),
        permission="decide",
        form=ApproveForm,
        icon="check_circle",
        variant="primary",
        explanation=_(
            "The tokens are credited at once. The audit log and the ledger keep who asked for them and who approved."
        ),
    )
    def approve(self, request: HttpRequest, row: CreditRequest, form: ApproveForm, by: Actor) -> Outcome:
        approved = credit_requests.approve(request_id=row.pk, by=by)
        if approved.replayed:
            return _("You approved this credit before. Nothing has moved.")
        return credited(approved.transaction)

    @deed(
        title=_("Decline"),
        permission="decide",
        icon="cancel",
        variant="danger",
        explanation=_("No tokens move. Whoever asked is shown the reason."),
    )
    def decline(self, request: HttpRequest, row: CreditRequest, form: ReasonForm, by: Actor) -> Outcome:
        credit_requests.decline(request_id=row.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The credit is declined.")

    def name_of(self, row: CreditRequest) -> str:
        return owner_name(row.wallet)

    def get_heading(self, row: CreditRequest) -> str:
        return _("%(tokens)s tokens for %(customer)s") % {
            "tokens": number(row.tokens),
            "customer": owner_name(row.wallet),
        }

    def get_facts(self, request: HttpRequest, row: CreditRequest) -> Sequence[tuple[Text, object]]:
        shown = shown_wallets([row.wallet])[row.wallet_id]
        return (
            (_("customer"), self.customer(row)),
            (_("tokens"), number(row.tokens)),
            (_("balance now"), number(shown.token_balance)),
            (_("reason"), row.reason),
            (_("requested by"), self.asked_by(row)),
            (_("requested"), self.when(row)),
            (_("tokens expire"), moment(row.lot_expires_at) if row.lot_expires_at else _("never")),
            (_("state"), self.state_now(row)),
            (_("waits until"), self.until(row)),
            (_("decided by"), object_link(row.decided_by)),
            (_("decided"), moment(row.decided_at)),
            (_("reason of the refusal"), row.refusal or NOTHING),
            (_("ledger row"), object_link(row.transaction) if row.transaction else NOTHING),
        )

    def get_panels(self, request: HttpRequest, row: CreditRequest) -> Sequence[Panel]:
        """What else was asked for this customer, so that nobody approves the same apology twice."""
        others = CreditRequest.objects.filter(wallet=row.wallet_id).exclude(pk=row.pk).order_by("-id")[:_SHOWN]
        return [
            Panel(
                title=_("Other credits asked for this customer"),
                columns=(
                    Column(_("when")),
                    Column(_("tokens"), numeric=True),
                    Column(_("reason")),
                    Column(_("requested by")),
                    Column(_("state")),
                ),
                rows=[
                    (
                        object_link(each, moment(each.created_at)),
                        number(each.tokens),
                        short(each.reason),
                        self.asked_by(each),
                        self.state_now(each),
                    )
                    for each in others
                ],
                empty=_("None."),
            )
        ]

    @admin.display(description=_("requested"))
    def when(self, row: CreditRequest) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("customer"))
    def customer(self, row: CreditRequest) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("tokens"))
    def asked_tokens(self, row: CreditRequest) -> str:
        return number(row.tokens)

    @admin.display(description=_("reason"))
    def why(self, row: CreditRequest) -> SafeString:
        return short(row.reason)

    @admin.display(description=_("requested by"))
    def asked_by(self, row: CreditRequest) -> str:
        return actor_name(row.actor)

    @admin.display(description=_("state"))
    def state_now(self, row: CreditRequest) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("waits until"))
    def until(self, row: CreditRequest) -> SafeString | str:
        return moment(row.expires_at)
