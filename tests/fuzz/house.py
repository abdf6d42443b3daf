"""One of each thing that the API names, and requests aimed at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from schemathesis import Case, GenerationMode

from accounts.models import User
from accounts.scopes import SCOPES
from accounts.tests.factories import (
    STAFF_PASSWORD,
    StaffFactory,
    UserFactory,
    api_key_header,
    bearer_header,
    opened,
)
from accounts.tests.phones import backup_codes, enrolled
from accounts.tests.test_api_telegram import by_bot, fields
from audit.tests.factories import AdminAlertFactory
from billing.tests.deeds import charge
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    PromoCodeFactory,
    SubscriptionFactory,
    TariffFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
    funded_wallet,
    new_key,
)

_TOKENS: Final = 10**12
_ASTRAY: Final = 0.2
_OF_PEOPLE: Final = "/api/v1/auth/"
_OF_SUPERADMINS: Final = "/api/v1/admins"
# What only a tariff of subscriptions is good for, of another family than the customer has one of.
_OF_PLANS: Final = frozenset({"/api/v1/subscriptions", "/api/v1/trials"})
# Who shows a second factor; the others have none.
_WITH_A_PHONE: Final = "with a phone"
# What cannot be guessed: bodies that say who somebody is.
_LOGINS: Final[Mapping[str, Callable[[User], dict[str, Any]]]] = {
    f"{_OF_PEOPLE}login": lambda person: {"username": person.login, "password": STAFF_PASSWORD},
    f"{_OF_PEOPLE}refresh": lambda person: {"refresh": opened(person).refresh},
    f"{_OF_PEOPLE}telegram": lambda _person: {"init_data": by_bot(fields(query_id=new_key()))},
    f"{_OF_PEOPLE}otp": lambda _person: {"otp": backup_codes(User.objects.get(login=_WITH_A_PHONE))[0]},
    f"{_OF_PEOPLE}password": lambda _person: {"old": STAFF_PASSWORD, "new": "purple monkey dishwasher"},
}


@dataclass(frozen=True)
class House:
    """
    :param staff: headers of a server that may do everything
    :param server: headers of a server that may do everything but what staff do
    :param person: who asks where only people may
    :param chief: who asks where only superadmins may
    :param names: by the name of a path's parameter or a body's field, what it may be to mean something real
    :param random: decides which cases are aimed, and who asks
    :param answers: how often each status was answered
    """

    staff: Mapping[str, str]
    server: Mapping[str, str]
    person: User
    chief: User
    names: Mapping[str, Any]
    random: Random
    answers: Counter[int] = field(default_factory=Counter)

    def caller(self, case: Case[Any]) -> dict[str, str]:
        """The headers of whoever asks this time."""
        if case.path == f"{_OF_PEOPLE}otp":
            return bearer_header(User.objects.get(login=_WITH_A_PHONE))
        if case.path.startswith(_OF_PEOPLE):
            return bearer_header(self.person)
        if case.path.startswith(_OF_SUPERADMINS):
            return bearer_header(self.chief)
        return dict(self.random.choices((self.staff, self.server), (3, 1))[0])

    def aim(self, case: Case[Any]) -> None:
        """Let a case that the document permits mean real things, most times, and carry a key that is new."""
        if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
            return
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = new_key()
        if self.random.random() < _ASTRAY:
            return
        for name in sorted(case.path_parameters.keys() & self.names.keys()):
            case.path_parameters[name] = self.names[name]
        if case.path in _LOGINS:
            case.body = _LOGINS[case.path](self.person)
        for told in (case.query, case.body):
            if isinstance(told, dict):
                self._aim(told)
        if case.path in _OF_PLANS and isinstance(case.body, dict) and "tariff" in case.body:
            case.body["tariff"] = self.names["plan"]

    def _aim(self, told: dict[str, Any]) -> None:
        if "user" in told:
            for another in ("telegram_id", "company"):
                told.pop(another, None)
        if "company" in told and told.keys() & {"telegram_id", "user"}:
            del told["company"]
        for name in sorted(told.keys() & self.names.keys()):
            # A name may mean two things: an amount is an object here and a number within it.
            if isinstance(told[name], type(self.names[name])):
                told[name] = self.names[name]
        if isinstance(told.get("charges"), list):
            for each in told["charges"]:
                if isinstance(each, dict):
                    self._aim(each)


def furnished(seed: int) -> House:
    """Customers, a tariff, a code, invoices in each state, a payment and a hold."""
    user = UserFactory.create()
    wallet = funded_wallet(user=user, tokens=_TOKENS)
    charge(wallet, 5)
    tariff = TariffFactory.create(price_stars=100)
    code = PromoCodeFactory.create(max_uses_per_wallet=1000)
    pending = InvoiceFactory.create(wallet=wallet, tariff=tariff, promo_code=code)
    PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=tariff))
    hold = HoldFactory.create(wallet=wallet)
    person = StaffFactory.create()
    enrolled(StaffFactory.create(login=_WITH_A_PHONE))
    plan = PlanFactory.create(family="another")
    return House(
        person=person,
        chief=StaffFactory.create(role="superadmin"),
        staff=api_key_header(*SCOPES),
        server=api_key_header(*(scope for scope in SCOPES if scope != "staff")),
        names={
            "plan": plan.slug,
            "user": str(user.pk),
            "user_id": str(user.pk),
            "admin_id": str(StaffFactory.create().pk),
            "session_id": str(opened(person).session.pk),
            "telegram_id": user.telegram_id or 0,
            "tariff": tariff.slug,
            "slug": tariff.slug,
            "code": code.code,
            "promo_code": code.code,
            "alert_id": AdminAlertFactory.create().pk,
            "invoice_id": str(pending.pk),
            "hold_id": str(hold.pk),
            "payment_id": str(PaymentFactory.create().pk),
            "subscription_id": str(SubscriptionFactory.create(wallet=wallet).pk),
            "endpoint_id": str(WebhookEndpointFactory.create().pk),
            "delivery_id": str(WebhookDeliveryFactory.create().pk),
            "url": "https://shop.example/hooks",
            "version": tariff.version,
            "amount": {"amount": pending.amount, "currency": pending.currency},
        },
        random=Random(seed),
    )
