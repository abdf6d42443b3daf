"""What is done about bots, in the words of the audit log."""

from django.utils.translation import gettext_lazy as _

from audit.admin.wording import register_deeds, register_facts

register_deeds(
    {
        "messaging.webhook.deleted": _("Bot's updates are not sent here any more"),
        "messaging.webhook.set": _("Bot's updates are sent here"),
    }
)
register_facts({"bot": _("bot")})
