"""People as a file."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from core.exports import Column, register

USERS: Final = register(
    name="users",
    title=_("People"),
    columns=(
        Column(_("id"), lambda row: str(row.pk)),
        Column(_("Telegram id"), lambda row: row.telegram_id),
        Column(_("Telegram username"), lambda row: row.username),
        Column(_("first name"), lambda row: row.first_name),
        Column(_("last name"), lambda row: row.last_name),
        Column(_("language"), lambda row: row.language_code),
        Column(_("Telegram Premium"), lambda row: row.is_premium),
        Column(_("active"), lambda row: row.is_active),
        Column(_("staff"), lambda row: row.is_staff),
        Column(_("login"), lambda row: row.login),
        Column(_("referral code"), lambda row: row.referral_code),
        Column(_("brought by"), lambda row: str(row.referred_by_id) if row.referred_by_id else None),
        Column(_("time zone"), lambda row: row.timezone),
        Column(_("created"), lambda row: row.created_at),
        Column(_("updated"), lambda row: row.updated_at),
    ),
)
