"""Wallets: a statement that explains the balance, and what staff may do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import credited, owner_name
from billing.admin.search import owner
from billing.admin.statement import Statement
from billing.models import CreditRequest, Wallet
from billing.models.tariff import MAX_TOKENS
from billing.operations import grants
from billing.operations import wallets as operations
from billing.owners import Owner
from billing.queries.balances import Shown, shown_wallets
from billing.queries.credit_limits import find_giver, get_today, list_pending_requests
from core.actors import Actor
from core.admin.deeds import Outcome, Warned, deed
from core.admin.display import Text, badge, list_url, moment, number, object_link
from core.admin.filters import range_filter
from core.admin.forms import DeedForm, KeyField, ReasonField, ReasonForm, integer_widget, moment_field
from core.admin.pages import ReadOnlyAdmin, acting


class CreditForm(DeedForm):
    """Tokens given by hand."""

    key = KeyField()
    tokens = forms.IntegerField(label=_("tokens"), min_value=1, max_value=MAX_TOKENS, widget=integer_widget())
    expires_at = moment_field(_("expires"), help_text=_("Empty: what is left of them never expires."))
    reason = ReasonField()


def what_may_be_credited(request: HttpRequest, _wallet: Wallet) -> Text:
    """What becomes of a credit, by how large it is and what the operator has given today."""
    said = str(_("Tokens are credited as a lot of their own. A debt is repaid from them first."))
    giver = find_giver(acting(request))
    if giver is None:
        return said
    left = giver.limit - get_today(giver).used
    beyond = _("A larger one waits for a colleague's approval.") if giver.may_ask else _("A larger one is not yours.")
    return " ".join(
        (
            said,
            _("Today you may still credit %(left)s of %(limit)s tokens, at most %(most)s at a time.")
            % {"left": number(max(left, 0)), "limit": number(giver.limit), "most": number(giver.approval_above)},
            str(beyond),
        )
    )


class FrozenFilter(admin.SimpleListFilter):
    """Wallets that pay for nothing now."""

    title = _("frozen")
    parameter_name = "frozen"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return [("yes", _("frozen")), ("no", _("not frozen"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "yes":
                return queryset.filter(frozen_at__isnull=False)
            case "no":
                return queryset.filter(frozen_at__isnull=True)
        return queryset


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin[Wallet]):
    """The balance of one customer, and every movement that made it."""

    change_form_template = "billing/admin/wallet.html"
    list_display = (
        "owner_of",
        "kind",
        "shown_tokens",
        "held_now_tokens",
        "available_tokens",
        "debt_tokens_of",
        "until",
        "state",
    )
    list_filter = (FrozenFilter, range_filter("next_expiry_at", _("next expiry")))
    search_fields = ("user",)
    search_help_text = _("@username, Telegram id, login or id of a customer, or the id of a company or wallet")
    actions_detail = ("credit", "freeze", "unfreeze")
    fields: ClassVar[Any] = ("owner_of",)
    readonly_fields = ("owner_of",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wallet]:
        return super().get_queryset(request).select_related("user", "company")

    def name_of(self, row: Wallet) -> str:
        return owner_name(row)

    def find(self, term: str) -> Q:
        return owner(term)

    def prepare_rows(self, rows: Sequence[Wallet]) -> None:
        shown = shown_wallets(rows)
        for row in rows:
            row.__dict__["shown"] = shown[row.pk]

    def has_credit_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.credit_wallet")

    def has_freeze_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_wallet")

    def is_offered(self, request: HttpRequest, row: Wallet, name: str) -> bool:
        return name == "credit" or (name == "unfreeze") == (row.frozen_at is not None)

    @deed(
        title=_("Credit tokens"),
        permission="credit",
        form=CreditForm,
        icon="add_circle",
        variant="primary",
        explanation=what_may_be_credited,
    )
    def credit(self, request: HttpRequest, wallet: Wallet, form: CreditForm, by: Actor) -> Outcome:
        given = grants.give(owner=Owner.wallet(wallet.pk), **form.cleaned_data, by=by)
        if given.transaction is None:
            return Warned(_("The credit waits for a colleague's approval. No tokens have moved yet."))
        if given.replayed:
            return _("These tokens were credited before. Nothing has moved.")
        return credited(given.transaction)

    @deed(
        title=_("Freeze"),
        permission="freeze",
        icon="ac_unit",
        variant="danger",
        explanation=_(
            "A frozen wallet pays for nothing new. Credits still arrive, and holds that are open already are settled."
        ),
    )
    def freeze(self, request: HttpRequest, wallet: Wallet, form: ReasonForm, by: Actor) -> Outcome:
        operations.freeze(owner=Owner.wallet(wallet.pk), reason=form.cleaned_data["reason"], by=by)
        return _("The wallet is frozen.")

    @deed(
        title=_("Unfreeze"), permission="freeze", icon="local_fire_department", explanation=_("The wallet pays again.")
    )
    def unfreeze(self, request: HttpRequest, wallet: Wallet, form: ReasonForm, by: Actor) -> Outcome:
        operations.unfreeze(owner=Owner.wallet(wallet.pk), reason=form.cleaned_data["reason"], by=by)
        return _("The wallet pays again.")

    def get_facts(self, request: HttpRequest, row: Wallet) -> Sequence[tuple[Text, object]]:
        shown = shown_wallets([row])[row.pk]
        return (
            (_("balance"), number(shown.token_balance)),
            (_("held"), number(shown.held_tokens)),
            (_("available"), number(shown.available_tokens)),
            (_("debt"), number(row.debt_tokens)),
            (_("state"), self.state(row)),
        )

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Wallet | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context["statement"] = Statement.of(obj, before=request.GET.get("before", ""))
            context["waiting"] = list_pending_requests().filter(wallet=obj)
            context["requests_url"] = list_url(CreditRequest, view="all", q=obj.pk)
            context["owner_name"] = owner_name(obj)
            context["owner_link"] = object_link(obj.user or obj.company, _("the customer's page"))
        return super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)

    @admin.display(description=_("customer"))
    def owner_of(self, row: Wallet) -> str:
        return owner_name(row)

    @admin.display(description=_("kind"))
    def kind(self, row: Wallet) -> Text:
        return _("person") if row.user_id else _("company")

    @admin.display(description=_("balance"))
    def shown_tokens(self, row: Wallet) -> str:
        return number(_shown(row).token_balance)

    @admin.display(description=_("held"))
    def held_now_tokens(self, row: Wallet) -> str:
        return number(_shown(row).held_tokens)

    @admin.display(description=_("available"))
    def available_tokens(self, row: Wallet) -> str:
        return number(_shown(row).available_tokens)

    @admin.display(description=_("debt"))
    def debt_tokens_of(self, row: Wallet) -> str:
        return number(row.debt_tokens)

    @admin.display(description=_("subscription until"))
    def until(self, row: Wallet) -> SafeString | str:
        return moment(row.subscription_end)

    @admin.display(description=_("state"))
    def state(self, row: Wallet) -> SafeString:
        return badge(_("frozen"), "info") if row.frozen_at else badge(_("in use"), "good")


def _shown(row: Wallet) -> Shown:
    """What :meth:`WalletAdmin.prepare_rows` has read for the whole page."""
    shown: Shown = row.__dict__["shown"]
    return shown
