from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Telegram bots")

    def ready(self) -> None:
        from messaging import wording  # noqa: F401  the words register themselves
