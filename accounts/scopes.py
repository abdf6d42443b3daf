"""What a server's key may do. One list: keys, the API's permissions and the documents read it."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SCOPES: Final[Mapping[str, Promise]] = {
    "users:read": _("read customers"),
    "users:write": _("register customers and change them"),
    "billing:read": _("read wallets, ledgers, invoices and tariffs"),
    "billing:write": _("make invoices, charge and hold tokens"),
    "payments:write": _("record payments"),
    "grants:write": _("give tokens away"),
    "webhooks:write": _("say where webhooks are sent, and send them again"),
    "audit:read": _("read the audit log"),
    "bots:write": _("connect Telegram bots"),
    "staff": _("do what staff do: tariffs, promo codes, alerts, the audit log"),
}
