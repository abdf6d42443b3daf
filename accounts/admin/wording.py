"""What is done to people and keys, in the words of the audit log."""

from django.utils.translation import gettext_lazy as _

from audit.admin.wording import register_deeds, register_facts

register_deeds(
    {
        "accounts.admin.logged_in": _("Logged in to Admin"),
        "accounts.admin.logged_out": _("Logged out of Admin"),
        "accounts.api_key.issued": _("Key issued"),
        "accounts.api_key.revoked": _("Key revoked"),
        "accounts.api_key.rotated": _("Key rotated"),
        "accounts.password.changed": _("Password changed"),
        "accounts.staff.created": _("Let into the Admin"),
        "accounts.staff.dismissed": _("No longer works here"),
        "accounts.staff.login_set": _("Login changed"),
        "accounts.staff.password_renewed": _("New initial password"),
        "accounts.staff.role_set": _("Role given"),
        "accounts.user.activated": _("Let in again"),
        "accounts.user.anonymised": _("Forgotten"),
        "accounts.user.deactivated": _("Kept out"),
        "accounts.user.right_given": _("Right given"),
        "accounts.user.right_taken": _("Right taken away"),
        "auth.group.rights_given": _("Rights given"),
        "auth.group.rights_taken": _("Rights taken away"),
        "login_token.confirmed": _("Login confirmed in the bot"),
        "second_factor.backup_code_used": _("Backup code used"),
        "second_factor.backup_codes_renewed": _("New backup codes"),
        "second_factor.enrolled": _("Second factor set up"),
        "second_factor.refused": _("Wrong code of the second factor"),
        "second_factor.reset": _("Second factor reset"),
        "second_factor.switched_off": _("Second factor switched off"),
        "session.all_revoked": _("Logged out everywhere"),
        "session.reuse_detected": _("Used refresh token shown again"),
        "session.revoked": _("Logged out"),
    }
)

register_facts(
    {
        "browser_ip": _("browser's address"),
        "ending": _("how it ended"),
        "group": _("role"),
        "left": _("backup codes left"),
        "login": _("login"),
        "permission": _("right"),
        "permissions": _("rights"),
        "role": _("role"),
        "roles": _("roles"),
        "scopes": _("scopes"),
        "session": _("session"),
        "sessions": _("sessions"),
        "successor": _("successor"),
        "token": _("refresh token"),
        "used_at": _("used at"),
        "user": _("person"),
        "way": _("way in"),
    }
)
