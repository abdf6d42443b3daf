"""What each address of Admin does, and what it takes to be let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model

from accounts.tests.factories import StaffFactory, UserFactory, opened
from accounts.tests.phones import enrolled
from billing.models import Tariff, Wallet
from billing.operations import subscriptions, wallets, webhook_endpoints
from billing.owners import Owner
from billing.tests.factories import (
    TESTER,
    PlanFactory,
    SubscriptionFactory,
    TariffFactory,
    WebhookEndpointFactory,
    funded_wallet,
)
from billing.tests.hooks import dead_delivery
from core.ids import uuid7
from core.models import Job

# Not a permission: whoever works here, with a role or without; nobody at all; everybody.
STAFF: Final = "staff"
NOBODY: Final = "nobody"
EVERYBODY: Final = "everybody"

Typed = Callable[[], Mapping[str, object]]


@dataclass(frozen=True)
class Row:
    """
    What an address does and what it takes to be let in.

    :param get: the permission that opens it (``app.codename``), or one of the words above
    :param post: the permission that does what it does; none where sending does nothing to anybody
    :param typed: what is sent besides what the form is filled with already
    :param make: the object that it is done to; the model's sample by default
    :param opened: the answer to whoever may open it
    :param query: of the address
    :param moves: whether sending changes the database
    """

    get: str
    post: str
    typed: Typed = dict
    make: Callable[[], Model] | None = None
    opened: int = 200
    query: str = ""
    moves: bool = True


def shows(permission: str, *, opened: int = 200, query: str = "") -> Row:
    """A page on which there is nothing to be done."""
    return Row(permission, permission, opened=opened, query=query, moves=False)


def deed(permission: str, *, make: Callable[[], Model] | None = None, **typed: object) -> Row:
    return Row(permission, permission, lambda: {"reason": "a test", **typed}, make)


def reads(permission: str, **typed: object) -> Row:
    """A form that asks and changes nothing."""
    return Row(permission, permission, lambda: typed, moves=False)


def _staff() -> Model:
    return StaffFactory.create()


def _staff_with_a_phone() -> Model:
    user = StaffFactory.create()
    enrolled(user)
    return user


def _logged_in() -> Model:
    user = UserFactory.create()
    opened(user)
    return user


def _kept_out() -> Model:
    return UserFactory.create(is_active=False)


def _frozen() -> Wallet:
    wallet = funded_wallet()
    return wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)


def _subscription() -> Model:
    """One that may change to a tariff whose code is known."""
    if not Tariff.objects.filter(slug="basic-plan").exists():
        PlanFactory.create(slug="basic-plan")
    return SubscriptionFactory.create()


def _cancelled() -> Model:
    return subscriptions.cancel(subscription_id=SubscriptionFactory.create().pk, by=TESTER)


def _switched_off_endpoint() -> Model:
    endpoint = WebhookEndpointFactory.create()
    return webhook_endpoints.change(endpoint_id=endpoint.pk, is_active=False, by=TESTER)


def _dead_job() -> Model:
    return Job.objects.create(
        id=uuid7(), name="core.some", max_attempts=3, lease_seconds=60, state="dead", finished_at="2026-01-31T12:00Z"
    )


def _tariff_id() -> dict[str, object]:
    return {"tariff": str(TariffFactory.create().pk), "code": "NOTHING"}


def _new(**typed: object) -> Typed:
    """With a name that nobody has had yet."""
    return lambda: {name: f"{value}-{uuid7().hex[-8:]}" if value == "new" else value for name, value in typed.items()}


# By the address's name, without ``admin:``.
OF_THE_SITE: Final[Mapping[str, Row]] = {
    "login": Row(EVERYBODY, EVERYBODY, moves=False),
    # For those who are half way in; everybody else is led to where they begin.
    **dict.fromkeys(("login_code", "login_enrol"), Row(EVERYBODY, EVERYBODY, opened=302, moves=False)),
    "security": shows(STAFF),
    # Of one's own second factor: whoever has none, or has just shown it, is led away.
    **dict.fromkeys(("security_enrol", "security_codes", "security_off", "security_confirm"), shows(STAFF, opened=302)),
    "security_logout_all": Row(STAFF, STAFF),
    "billing_kpis": shows("billing.view_payment"),
    "billing_kpis_export": Row("core.export_kpis", "core.export_kpis", lambda: {"file_format": "csv"}),
    "index": shows(STAFF),
    "search": shows(STAFF, query="s=a"),
    "jsi18n": Row(STAFF, STAFF, moves=False),
    "password_change": shows(STAFF),
    "password_change_done": shows(STAFF),
    "logout": Row(STAFF, STAFF, opened=405),
    # Whose choices it lists, the query says.
    "autocomplete": Row(
        "accounts.view_user",
        STAFF,
        query="app_label=accounts&model_name=membership&field_name=user&term=a",
        moves=False,
    ),
    "app_list": Row(STAFF, STAFF, moves=False),
    # Nothing of the house has a page elsewhere, and there is nothing at other addresses.
    "view_on_site": shows(STAFF, opened=404),
    "(?P<url>.*)$": shows(STAFF, opened=404),
}

DEEDS: Final[Mapping[str, Row]] = {
    "accounts_apikey_issue": Row("accounts.add_apikey", "accounts.add_apikey", _new(name="new", scopes="staff")),
    "accounts_apikey_revoke": deed("accounts.change_apikey"),
    "accounts_apikey_rotate": deed("accounts.add_apikey"),
    "accounts_user_anonymise": deed("accounts.delete_user"),
    "accounts_user_employ": Row(
        "accounts.manage_staff", "accounts.manage_staff", _new(login="new", password="purple monkey dishwasher")
    ),
    "accounts_user_dismiss": deed("accounts.manage_staff", make=_staff),
    "accounts_user_end_sessions": deed("accounts.change_user", make=_logged_in),
    "accounts_user_export_rows": deed("core.export_users", file_format="csv"),
    "accounts_user_keep_out": deed("accounts.change_user"),
    "accounts_user_let_in": deed("accounts.change_user", make=_kept_out),
    "accounts_user_new_password": deed("accounts.manage_staff", make=_staff),
    "accounts_user_reset_factor": deed("accounts.manage_staff", make=_staff_with_a_phone),
    "accounts_user_set_role": deed("accounts.manage_staff", make=_staff, role="viewer"),
    "audit_adminalert_acknowledge": deed("audit.change_adminalert"),
    "audit_adminalert_resolve": deed("audit.change_adminalert"),
    "audit_auditlog_export_rows": deed("core.export_audit", file_format="csv"),
    "billing_creditrequest_approve": deed("billing.approve_creditrequest"),
    "billing_creditrequest_decline": deed("billing.approve_creditrequest"),
    "billing_invoice_cancel": deed("billing.change_invoice"),
    "billing_invoice_export_rows": deed("core.export_invoices", file_format="csv"),
    # No provider is set up here; see billing/tests/test_admin_payment_links.py.
    "billing_invoice_payment_link": Row(
        "billing.change_invoice", "billing.change_invoice", lambda: {"provider": "yookassa"}, moves=False
    ),
    "billing_invoice_record_payment": Row(
        "billing.add_payment", "billing.add_payment", _new(amount="149", receipt="new")
    ),
    "billing_payment_refund": deed(
        # What the desk has shown and the operator agreed to, of the sample's payment.
        "billing.issue_refund",
        policy="full",
        confirmed="full 14900 RUB 50 0 - -",
    ),
    "billing_payment_record_dispute": deed("billing.issue_refund", state="open", reference="letter-1"),
    "billing_payment_record_refund": deed("billing.issue_refund", amount="1", reference="transfer-1"),
    "billing_paymentevent_replay": deed("billing.change_payment"),
    "billing_refund_send_again": deed("billing.issue_refund"),
    "billing_promocode_generate": Row(
        "billing.add_promocode",
        "billing.add_promocode",
        lambda: {"count": "2", "discount_type": "percent", "value": "5", "reason": "a test"},
    ),
    "billing_promocode_switch_off": deed("billing.change_promocode"),
    "billing_promocode_try_out": Row("billing.view_promocode", "billing.view_promocode", _tariff_id, moves=False),
    "billing_promocode_try_this": Row("billing.view_promocode", "billing.view_promocode", _tariff_id, moves=False),
    "billing_statementline_book": deed("billing.change_statementline"),
    "billing_statementline_ignore": deed("billing.change_statementline"),
    "billing_subscription_cancel": deed("billing.change_subscription"),
    "billing_subscription_change_tariff": deed("billing.change_subscription", make=_subscription, tariff="basic-plan"),
    "billing_subscription_resume": deed("billing.change_subscription", make=_cancelled),
    "billing_tariff_archive": deed("billing.change_tariff"),
    "billing_transaction_export_rows": deed("core.export_ledger", file_format="csv"),
    "billing_wallet_credit": deed("billing.credit_wallet", tokens="5"),
    "billing_wallet_freeze": deed("billing.change_wallet"),
    "billing_wallet_unfreeze": deed("billing.change_wallet", make=_frozen),
    "billing_webhookdelivery_replay": deed("billing.change_webhookdelivery", make=dead_delivery),
    "billing_webhookendpoint_add_endpoint": Row(
        "billing.add_webhookendpoint",
        "billing.add_webhookendpoint",
        _new(url="https://shop.example", events=["wallet.low"]),
    ),
    "billing_webhookendpoint_edit": deed(
        "billing.change_webhookendpoint", url="https://other.example", events=["wallet.low"]
    ),
    "billing_webhookendpoint_rotate": deed("billing.change_webhookendpoint", overlap_hours="1"),
    "billing_webhookendpoint_replay_given_up": deed(
        "billing.change_webhookdelivery", make=lambda: dead_delivery().endpoint
    ),
    "billing_webhookendpoint_remove": deed("billing.change_webhookendpoint"),
    "billing_webhookendpoint_switch_off": deed("billing.change_webhookendpoint"),
    "billing_webhookendpoint_switch_on": deed("billing.change_webhookendpoint", make=_switched_off_endpoint),
    # A file is given to whoever asked for it, and these are somebody else's.
    "core_export_download": Row(NOBODY, NOBODY),
    "core_job_give_up": deed("core.change_job"),
    "core_job_run_again": deed("core.change_job", make=_dead_job),
    "core_setting_change_value": deed("core.change_setting", value="90"),
    "core_setting_reset": deed("core.change_setting"),
}

# Models whose objects are made or changed by a form of their own; all others are only looked at.
ADDED: Final[Mapping[str, Row]] = {
    "billing.tariff": Row(
        "billing.add_tariff",
        "billing.add_tariff",
        _new(slug="new", name="New", price="149", currency="RUB", tokens="5"),
    ),
    "billing.promocode": Row(
        "billing.add_promocode", "billing.add_promocode", _new(code="new", discount_type="percent", value="5")
    ),
}
CHANGED: Final[Mapping[str, Row]] = {
    "accounts.user": Row("accounts.view_user", "accounts.change_user", lambda: {"first_name": "Other"}),
    "billing.promocode": Row("billing.view_promocode", "billing.change_promocode", lambda: {"max_uses": "77"}),
    "billing.tariff": Row("billing.view_tariff", "billing.change_tariff", lambda: {"name": "Other"}),
}


def row_of(name: str) -> Row | None:
    """What is said about an address; the pages that every model has follow from the model."""
    if name in OF_THE_SITE or name in DEEDS:
        return OF_THE_SITE.get(name) or DEEDS[name]
    label, _underscore, kind = name.rpartition("_")
    model = models_by_label().get(label)
    if model is None:
        return None
    view = "accounts.view_user" if model is Group else f"{model._meta.app_label}.view_{model._meta.model_name}"
    of_model: Mapping[str, Row] = {
        "changelist": Row(view, view, lambda: {"action": "delete_selected"}, moves=False),
        "change": CHANGED.get(model._meta.label_lower, Row(view, NOBODY)),
        "add": ADDED.get(model._meta.label_lower, Row(NOBODY, NOBODY)),
        "delete": Row(NOBODY, NOBODY, lambda: {"post": "yes"}),
        "history": shows(view, opened=302),
        # It leads to the object's page, which asks again.
        "object": shows(STAFF, opened=302),
    }
    return of_model.get(kind)


def models_by_label() -> dict[str, type[Model]]:
    return {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
