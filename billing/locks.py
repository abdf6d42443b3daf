"""
Taking rows so that nobody else may.

One fixed order: company → wallets by id → promo code → payment → subscription → invoice counter; a giver's allowance
last. A comparison with a provider's books, and then its lines, come before all of these. Whatever an invoice, a
subscription, a hold, a redemption or a credit to approve goes through, its wallet is locked first.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from billing import errors
from billing.models import (
    CreditRequest,
    Invoice,
    Payment,
    ProviderStatement,
    Referral,
    Refund,
    StatementLine,
    Subscription,
    Tariff,
    Wallet,
)
from billing.models.subscription import LIVE
from billing.owners import Owner


def wallet(wallet_id: UUID) -> Wallet:
    """
    Lock a wallet against everything that moves its tokens.

    :raises errors.WalletNotFound: there is no such wallet
    """
    # NO KEY: rows that refer to the wallet may still be inserted by others.
    found = Wallet.objects.select_for_update(no_key=True).filter(pk=wallet_id).first()
    if found is None:
        raise errors.WalletNotFound(str(wallet_id))
    return found


def wallet_of(owner: Owner) -> Wallet:
    """
    Lock the wallet that an owner names.

    :raises errors.WalletNotFound: there is no such wallet
    """
    found = Wallet.objects.select_for_update(no_key=True, of=("self",)).filter(owner.narrowed()).first()
    if found is None:
        raise errors.WalletNotFound(str(owner))
    return found


def wallets_of_payment(payment_id: UUID) -> list[Wallet]:
    """Lock the wallets that returning a payment moves, by id: the payer's, and that of whoever its referral rewards."""
    # None of them is ever another: reading which they are before the lock is safe.
    of = Payment.objects.filter(pk=payment_id)
    concerned = of.values_list("invoice__wallet").union(of.values_list("referral__referrer__wallet"))
    return list(Wallet.objects.select_for_update(no_key=True).filter(pk__in=concerned).order_by("pk"))


def wallets_of_invoice(invoice_id: UUID) -> list[Wallet]:
    """
    Lock the wallets that paying an invoice concerns, by id: the payer's, and that of whoever brought them, as long as
    nothing they paid has earned a reward. The money may be known to have gone back when it comes.
    """
    # Whoever has earned the reward never waits for it again: to have read an old state locks one wallet more.
    brought = Referral.objects.filter(referred__wallet__invoices=invoice_id, state=Referral.State.PENDING)
    concerned = Q(invoices=invoice_id) | Q(user__in=brought.values("referrer"))
    ids = Wallet.objects.filter(concerned).values_list("pk")
    return list(Wallet.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))


def invoice(invoice_id: UUID, *, only_of: UUID | None = None) -> tuple[Wallet, Invoice]:
    """
    Lock an invoice's wallet, then the invoice.

    :param only_of: the user whose it must be; anybody's by default
    :raises errors.InvoiceNotFound: there is no such invoice, or it is not theirs
    """
    # An invoice never changes its wallet, nor a wallet its owner, so that reading them before the lock is safe.
    invoices = Invoice.objects.filter(pk=invoice_id)
    if only_of is not None:
        invoices = invoices.filter(wallet__user_id=only_of)
    wallet_id = invoices.values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        raise errors.InvoiceNotFound(str(invoice_id))
    locked = wallet(wallet_id)
    return locked, Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)


def invoice_of(wallets: Sequence[Wallet], invoice_id: UUID) -> tuple[Wallet, Invoice]:
    """Lock an invoice whose wallet is among those that the caller has locked."""
    found = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
    return next(each for each in wallets if each.pk == found.wallet_id), found


def payment(provider: str, provider_payment_id: str) -> Payment | None:
    """Lock a payment by its provider's id, where it is known; its wallet is locked already."""
    payments = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("invoice")
    return payments.filter(provider=provider, provider_payment_id=provider_payment_id).first()


def paid(payment_id: UUID) -> tuple[Wallet, Payment]:
    """
    Lock a payment's wallet, then the payment.

    :raises errors.PaymentNotFound: there is no such payment
    """
    # A payment never changes its invoice, nor that its wallet, so that reading them before the lock is safe.
    wallet_id = Payment.objects.filter(pk=payment_id).values_list("invoice__wallet_id", flat=True).first()
    if wallet_id is None:
        raise errors.PaymentNotFound(str(payment_id))
    wallets_of_payment(payment_id)
    payments = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("invoice")
    return Wallet.objects.get(pk=wallet_id), payments.get(pk=payment_id)


def refund(refund_id: UUID) -> tuple[Wallet, Payment, Refund]:
    """
    Lock a refund's wallet, then its payment, then the refund.

    :raises errors.RefundNotFound: there is no such refund
    """
    payment_id = Refund.objects.filter(pk=refund_id).values_list("payment_id", flat=True).first()
    if payment_id is None:
        raise errors.RefundNotFound(str(refund_id))
    locked, of = paid(payment_id)
    return locked, of, Refund.objects.select_for_update(no_key=True).get(pk=refund_id)


def provider_statement(statement_id: UUID) -> ProviderStatement:
    """Lock a comparison with a provider's books, before any of its lines."""
    return ProviderStatement.objects.select_for_update(no_key=True).get(pk=statement_id)


def statement_line(line_id: UUID) -> StatementLine:
    """
    Lock a difference to a provider's books, before the wallet of what it is about.

    :raises errors.StatementLineNotFound: there is no such difference
    """
    found = StatementLine.objects.select_for_update(no_key=True).filter(pk=line_id).first()
    if found is None:
        raise errors.StatementLineNotFound(str(line_id))
    return found


def credit_request(request_id: UUID) -> tuple[Wallet, CreditRequest]:
    """
    Lock a request's wallet, then the request.

    :raises errors.CreditRequestNotFound: there is no such request
    """
    # A request never changes its wallet, so that reading it before the lock is safe.
    wallet_id = CreditRequest.objects.filter(pk=request_id).values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        raise errors.CreditRequestNotFound(str(request_id))
    locked = wallet(wallet_id)
    return locked, CreditRequest.objects.select_for_update(no_key=True).get(pk=request_id)


def subscription(subscription_id: UUID, *, only_of: UUID | None = None) -> tuple[Wallet, Subscription]:
    """
    Lock a subscription's wallet, then the subscription.

    :param only_of: the user whose it must be; anybody's by default
    :raises errors.SubscriptionNotFound: there is no such subscription, or it is not theirs
    """
    # A subscription never changes its wallet, nor a wallet its owner, so that reading them before the lock is safe.
    subscriptions = Subscription.objects.filter(pk=subscription_id)
    if only_of is not None:
        subscriptions = subscriptions.filter(wallet__user_id=only_of)
    wallet_id = subscriptions.values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        raise errors.SubscriptionNotFound(str(subscription_id))
    locked = wallet(wallet_id)
    found = Subscription.objects.select_for_update(no_key=True).get(pk=subscription_id)
    found.wallet = locked
    return locked, found


def live_subscription(locked: Wallet, family: str) -> Subscription | None:
    """Lock the subscription of a family that a wallet, locked by the caller, has and that is not over."""
    live = Subscription.objects.filter(wallet=locked, family=family, status__in=LIVE)
    return live.select_for_update(no_key=True).first()


def tariff(slug: str) -> Tariff:
    """
    Lock a tariff for editing.

    :raises errors.TariffNotFound: there is no such tariff
    """
    found = Tariff.objects.select_for_update().filter(slug=slug).first()
    if found is None:
        raise errors.TariffNotFound(slug)
    return found
