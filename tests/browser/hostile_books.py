"""Money, what providers and receivers answered and what colleagues gave as reasons, all in hostile words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from django.db.models import Model

from accounts.people import actor_of
from accounts.tests.factories import CompanyFactory, MembershipFactory, StaffFactory, UserFactory, opened
from billing.models import Payment, WebhookDelivery
from billing.operations import credit_requests, provider_statements, refunds, webhook_deliveries, webhook_endpoints
from billing.tests.factories import (
    TESTER,
    AnnouncementFactory,
    CreditRequestFactory,
    InvoiceFactory,
    PlanFactory,
    PromoCodeFactory,
    ReferralFactory,
    SubscriptionFactory,
    TrialFactory,
    WalletFactory,
    WebhookEndpointFactory,
)
from billing.tests.facts import tell, told_of
from billing.tests.payment_factories import CheckoutFactory, DisputeFactory, RefundFactory
from billing.tests.statement_factories import ProviderStatementFactory, StatementLineFactory
from core import clock
from core.actors import under
from core.models import Setting

TEXT_SETTING = "core.some_text"


@dataclass
class Ink:
    """
    Hostile texts, each with a mark by which it is known on a page.

    :param hostile: what each says
    :param marks: of those that were written, to be read somewhere
    """

    hostile: str
    marks: list[str] = field(default_factory=list)

    def text(self, mark: str, *, longest: int = 2000) -> str:
        """A text that begins with its mark."""
        self.marks.append(f"mark-of-{mark};")
        return f"{self.marks[-1]} {self.hostile}"[:longest]


def furnish_books(ink: Ink) -> list[Model]:
    """One row, or some, of each model with texts of providers, receivers and colleagues."""
    with under(reason=ink.hostile):
        return [*_of_people(ink), *_of_providers(ink), *_of_receivers(ink)]


def _of_people(ink: Ink) -> Iterator[Model]:
    user = UserFactory.create(
        first_name=ink.text("customer", longest=150),
        last_name="\u202egpj.exe\u202c\u2066\u200bzero\ufeff",
        username=ink.hostile[:64],
    )
    opened(user, user_agent=ink.text("browser", longest=300))
    yield user
    yield MembershipFactory.create(company=CompanyFactory.create(name=ink.text("company", longest=200)), user=user)
    wallet = WalletFactory.create(user=user)
    plan = PlanFactory.create(name=ink.text("plan", longest=90))
    yield TrialFactory.create(wallet=wallet, tariff=plan)
    yield SubscriptionFactory.create(wallet=wallet, tariff=plan)
    yield InvoiceFactory.create(wallet=wallet, promo_code=PromoCodeFactory.create()).redemption
    request = CreditRequestFactory.create(wallet=wallet, reason=ink.text("credit"))
    yield credit_requests.decline(
        request_id=request.pk,
        reason=ink.text("refusal-of-a-credit"),
        by=actor_of(StaffFactory.create(role="operator")),
    )
    referral = ReferralFactory.create()
    for whose in ("referrer", "referred"):
        person = getattr(referral, whose)
        person.first_name = ink.text(whose, longest=150)
        person.save(update_fields=["first_name"])
    yield referral
    yield Setting.objects.create(
        key=TEXT_SETTING, value=ink.text("setting"), updated_by=ink.text("setter-of-a-setting", longest=200)
    )


def _of_providers(ink: Ink) -> Iterator[Model]:
    of = told_of(InvoiceFactory.create(), payment_id=ink.text("payment-s-id", longest=200))
    said = {"text": ink.text("payload"), ink.text("name-in-a-payload"): ["<b>"]}
    (heard,) = tell(replace(of.succeeded(), payload=said, details={"agreement": ink.text("details")}))
    yield heard.event
    refund = RefundFactory.create(
        payment=Payment.objects.get(provider_payment_id=of.payment_id), reason=ink.text("refund")
    )
    refunds.fail(refund_id=refund.pk, failure=ink.text("failure-of-a-refund"), by=TESTER)
    yield refund
    yield DisputeFactory.create(provider_dispute_id=ink.text("dispute-s-id", longest=200))
    yield CheckoutFactory.create(
        url=f"javascript:alert(4)//{ink.text('till')}",
        invoice_link=ink.text("invoice-link"),
        return_url=ink.text("return-address"),
        provider_payment_id=ink.text("checkout-s-id", longest=255),
        answered_at=clock.now(),
    )
    line = StatementLineFactory.create(reference=ink.text("line", longest=200))
    yield provider_statements.ignore(line_id=line.pk, reason=ink.text("ignored-line"), by=TESTER)
    yield ProviderStatementFactory.create(finished_at=None, error=ink.text("error-of-a-comparison"))


def _of_receivers(ink: Ink) -> Iterator[Model]:
    endpoint = WebhookEndpointFactory.create(
        # Neither spaces nor a fragment are let through; quotes and angles are.
        url=f"https://shop.example/?{ink.text('receiver', longest=30).split()[0]}"
        "<script>alert(1)</script>\"onmouseover='alert(5)'><svg/onload=alert(3)>",
        description=ink.text("receiver-s-description", longest=255),
    )
    announcement = AnnouncementFactory.create(facts={"text": ink.text("announcement")})
    yield announcement
    yield endpoint
    delivery = WebhookDelivery.objects.get(endpoint=endpoint)
    attempt = webhook_deliveries.begin(delivery_id=delivery.pk, by=TESTER)
    assert attempt is not None
    error = ink.text("error-of-a-receiver", longest=300)
    yield webhook_deliveries.note(attempt=attempt, status=410, error=error, by=TESTER) or delivery
    webhook_endpoints.change(endpoint_id=endpoint.pk, is_active=True, by=TESTER)
