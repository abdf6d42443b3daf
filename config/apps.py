"""Django's Admin, over a site of our own."""

from django.contrib.admin.apps import AdminConfig


class OfficeConfig(AdminConfig):
    default_site = "config.admin_site.OfficeSite"
