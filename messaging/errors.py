"""What the bots refuse."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class WebhookSecretWrong(DomainError):
    code = "messaging.webhook_secret_wrong"
    status = 403
    title = _("Only Telegram may send updates, and it shows a secret.")


class UpdateMalformed(DomainError):
    code = "messaging.update_malformed"
    status = 400
    title = _("This is no update of a bot.")


class BotsAreOff(DomainError):
    code = "messaging.bots_are_off"
    title = _("No bot is set up: each needs a token and a webhook secret.")


class TelegramRefused(DomainError):
    code = "messaging.telegram_refused"
    title = _("Telegram refused.")


class TelegramUnavailable(DomainError):
    code = "messaging.telegram_unavailable"
    status = 503
    title = _("Telegram does not answer now.")
