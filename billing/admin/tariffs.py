"""What is sold: prices as people type them, and never a silent overwrite of somebody else's."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from billing import errors
from billing.admin.display import days
from billing.models import Tariff
from billing.operations import tariffs as operations
from billing.queries.tariffs import TariffChange, list_changes_since
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, badge, code, number
from core.admin.forms import MoneyTextField, OperationForm, ReasonForm, as_typed, integer_widget
from core.admin.pages import OperationAdmin
from core.money import Money

# What a company may have, as the tariff's ``limits`` name it.
LIMITS: Final = {"limit_seats": "seats", "limit_projects": "projects", "limit_storage_mb": "storage_mb"}
OVERRULE: Final = "_overrule"


class TariffForm(OperationForm):
    """A tariff as an operator edits it: prices in roubles, limits one by one, and the version that was opened."""

    seen_version = forms.IntegerField(label=_("version"), widget=forms.HiddenInput, required=False)
    price = MoneyTextField(label=_("price"), help_text=_("As you would say it: 1 490 or 149,90."))
    limit_seats = forms.IntegerField(label=_("seats"), min_value=0, required=False, widget=integer_widget())
    limit_projects = forms.IntegerField(label=_("projects"), min_value=0, required=False, widget=integer_widget())
    limit_storage_mb = forms.IntegerField(label=_("storage, MB"), min_value=0, required=False, widget=integer_widget())

    class Meta:
        model = Tariff
        fields = sorted(operations.EDITABLE - {"limits"})
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.initial["price"] = as_typed(self.instance.price_money)
            self.initial["seen_version"] = self.instance.version
        for field, limit in LIMITS.items():
            self.initial[field] = self.instance.limits.get(limit)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        # A currency that is not valid is an error of its own field.
        if (typed := cleaned.get("price")) and (currency := cleaned.get("currency")):
            try:
                cleaned["price"] = self._price(typed, currency).amount
            except ValidationError as invalid:
                self.add_error("price", invalid)
        limits = {limit: cleaned.get(field) for field, limit in LIMITS.items()}
        kept = {name: value for name, value in self.instance.limits.items() if name not in limits}
        cleaned["limits"] = kept | {name: value for name, value in limits.items() if value is not None}
        return cleaned

    def _price(self, typed: str, currency: str) -> Money:
        field = self.fields["price"]
        assert isinstance(field, MoneyTextField)  # noqa: S101  for the type checker
        price = field.in_currency(typed, currency)
        if not price:
            raise ValidationError(_("A price is more than nothing."))
        return price

    @property
    def version_seen(self) -> int:
        """The version that the operator saw, or, told of the changes since, decided to overrule."""
        overruled = str(self.data.get(OVERRULE, ""))
        return int(overruled) if overruled.isdecimal() else self.cleaned_data.get("seen_version") or 0


@admin.register(Tariff)
class TariffAdmin(OperationAdmin[Tariff]):
    """The price list."""

    form = TariffForm
    change_form_template = "billing/admin/tariff.html"
    keyset = ("sort_order", "slug")
    list_display = ("name", "shown_slug", "price_money", "stars_money", "sold_tokens", "lifetime", "sold_days", "state")
    list_filter = ("is_active", "audience", "currency")
    search_fields = ("slug",)
    search_help_text = _("The beginning of a name or code")
    actions_detail = ("archive",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("name", "slug"), "description", ("audience", "is_active"))}),
        (_("Price"), {"fields": (("price", "currency", "price_stars"),)}),
        (
            _("What is sold"),
            {"fields": (("tokens", "token_validity_days"),)},
        ),
        (
            _("Subscription"),
            {
                "fields": (
                    ("subscription_days", "period_kind", "period_months"),
                    ("family", "change_policy"),
                    ("trial_days", "grace_days"),
                )
            },
        ),
        (_("Limits of companies"), {"fields": (tuple(LIMITS),)}),
        (_("The change"), {"fields": (("sort_order", "reason"), "seen_version")}),
    )

    def find(self, term: str) -> Q:
        return Q(slug__startswith=term.lower()) | Q(name__istartswith=term)

    def get_readonly_fields(self, request: HttpRequest, obj: Tariff | None = None) -> tuple[str, ...]:
        # Servers order by it.
        return ("slug",) if obj else ()

    def perform(self, request: HttpRequest, row: Tariff, form: Any, *, by: Actor, change: bool) -> Tariff:
        fields = {name: form.cleaned_data[name] for name in operations.EDITABLE if name in form.cleaned_data}
        if not change:
            return operations.create(**fields, by=by)
        return operations.change(slug=row.slug, seen_version=form.version_seen, **fields, by=by)

    def has_archive_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_tariff")

    @deed(
        title=_("Take off sale"),
        permission="archive",
        icon="archive",
        variant="danger",
        explanation=_(
            "Nobody can buy it any more. Invoices that were made before can still be paid, and give what they promised."
        ),
    )
    def archive(self, request: HttpRequest, tariff: Tariff, form: ReasonForm, by: Actor) -> Outcome:
        operations.archive(slug=tariff.slug, by=by)
        return _("The tariff is off sale.")

    def get_facts(self, request: HttpRequest, row: Tariff) -> Any:
        return ((_("price"), row.price_money), (_("tokens"), number(row.tokens)), (_("state"), self.state(row)))

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Tariff | None = None,
    ) -> HttpResponse:
        form = context["adminform"].form
        if obj is not None and isinstance(form.refusal, errors.TariffChanged):
            context["present_version"] = form.refusal.data["version"]
            context["changes_since"] = [
                as_read(each, obj) for each in list_changes_since(obj.pk, version=form.version_seen)
            ]
        return super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)

    @admin.display(description=_("code"))
    def shown_slug(self, row: Tariff) -> SafeString:
        return code(row.slug)

    @admin.display(description=_("price"))
    def price_money(self, row: Tariff) -> str:
        return str(row.price_money)

    @admin.display(description=_("in Stars"))
    def stars_money(self, row: Tariff) -> str:
        return NOTHING if row.price_stars is None else str(Money(row.price_stars, "XTR"))

    @admin.display(description=_("tokens"))
    def sold_tokens(self, row: Tariff) -> str:
        return number(row.tokens)

    @admin.display(description=_("tokens live"))
    def lifetime(self, row: Tariff) -> str:
        if not row.tokens:
            return NOTHING
        return days(row.token_validity_days) if row.token_validity_days else str(_("forever"))

    @admin.display(description=_("subscription"))
    def sold_days(self, row: Tariff) -> str:
        return days(row.subscription_days) if row.subscription_days else NOTHING

    @admin.display(description=_("state"))
    def state(self, row: Tariff) -> SafeString:
        return badge(_("on sale"), "good") if row.is_active else badge(_("archived"))


def as_read(change: TariffChange, tariff: Tariff) -> dict[str, object]:
    """A step of somebody else's, as the operator who is late reads it."""
    field = Tariff._meta.get_field(change.name)
    return {
        "name": str(getattr(field, "verbose_name", change.name)),
        "old": _value(change.name, change.old, tariff),
        "new": _value(change.name, change.new, tariff),
        "who": change.who,
        "at": change.at,
    }


def _value(name: str, value: object, tariff: Tariff) -> str:
    if value in (None, "", {}):
        return NOTHING
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if name == "price" and isinstance(value, int):
        return str(Money(value, tariff.currency))
    return number(value) if isinstance(value, int) else str(value)
