from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People and access")

    def ready(self) -> None:
        from accounts import roles, runtime_settings  # noqa: F401 - the settings register themselves
        from accounts.api import key_use, schema  # noqa: F401 - drf-spectacular finds the scheme by its being imported

        key_use.connect()
        post_migrate.connect(roles.sync_after_migrate, dispatch_uid="accounts.roles")
