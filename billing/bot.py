"""What billing answers to in the main bot. Each handler makes one call, and each is safe to run twice."""

from billing.operations import pre_checkouts, telegram_payments, telegram_subscriptions
from core.actors import Actor
from messaging.handlers import on_update
from messaging.rules.updates import Update


@on_update("pre_checkout_query", now=True)
def answer_pre_checkout(update: Update, /, *, by: Actor) -> None:
    """Tell Telegram whether it may take the money, while it waits."""
    pre_checkouts.answer(query=update.body, by=by)


@on_update("successful_payment")
def hear_payment(update: Update, /, *, by: Actor) -> None:
    """Record money that Telegram has taken."""
    telegram_payments.hear(update=update.payload, by=by)


@on_update("refunded_payment")
def hear_refund(update: Update, /, *, by: Actor) -> None:
    """Record money that Telegram has given back."""
    telegram_payments.hear(update=update.payload, by=by)


@on_update("subscription")
def hear_subscription(update: Update, /, *, by: Actor) -> None:
    """Follow what a customer has done in Telegram to a subscription that it renews."""
    telegram_subscriptions.hear(update=update, by=by)
