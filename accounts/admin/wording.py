"""What is done to people and keys, in the words of the audit log."""

from django.utils.translation import gettext_lazy as _

from audit.admin.wording import register_deeds

register_deeds(
    {
        "accounts.api_key.issued": _("Key issued"),
        "accounts.api_key.revoked": _("Key revoked"),
        "accounts.api_key.rotated": _("Key rotated"),
        "accounts.staff.created": _("Let into the Admin"),
        "accounts.staff.role_set": _("Role given"),
        "accounts.user.activated": _("Let in again"),
        "accounts.user.anonymised": _("Forgotten"),
        "accounts.user.deactivated": _("Kept out"),
        "accounts.user.right_given": _("Right given"),
        "accounts.user.right_taken": _("Right taken away"),
        "auth.group.rights_given": _("Rights given"),
        "auth.group.rights_taken": _("Rights taken away"),
    }
)
