"""Every route of the house."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("", include("core.api.urls")),
    path("api/v1/", include("audit.api.urls")),
    path("api/v1/", include("accounts.api.urls")),
]

handler500 = "core.api.handlers.server_error"
