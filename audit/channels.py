"""Which ways out are configured, by the settings of the environment."""

from __future__ import annotations

from django.conf import settings

from audit.gateways.mail import Mailbox
from audit.gateways.telegram import TelegramChat
from audit.models import Delivery

Channel = Delivery.Channel
Kind = Delivery.Kind


def configured(kind: str) -> list[Channel]:
    """The ways that a kind of message takes; none where nothing is configured."""
    if kind == Kind.HEAD:
        ways = {Channel.TELEGRAM: settings.BOT_TOKEN and settings.ANCHOR_CHAT_ID, Channel.FILE: settings.ANCHOR_FILE}
    else:
        ways = {Channel.TELEGRAM: settings.BOT_TOKEN and settings.ALERT_CHAT_ID, Channel.EMAIL: settings.ALERT_EMAILS}
    return [channel for channel, is_set in ways.items() if is_set]


def chat_for(kind: str) -> TelegramChat:
    """The chat that a kind of message goes to."""
    chat_id = settings.ANCHOR_CHAT_ID if kind == Kind.HEAD else settings.ALERT_CHAT_ID
    return TelegramChat(settings.TELEGRAM_API_BASE, settings.BOT_TOKEN, chat_id)


def mailbox() -> Mailbox:
    """The operators' mailboxes."""
    return Mailbox(sender=settings.EMAIL_FROM, recipients=settings.ALERT_EMAILS, **settings.MAIL_SERVER)
