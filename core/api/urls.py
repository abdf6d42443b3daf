"""Routes about the service itself."""

from django.urls import path

from core.api import service, settings

urlpatterns = [
    path("", service.RootView.as_view(), name="root"),
    path("health", service.HealthView.as_view(), name="health"),
    path("api/schema", service.SchemaView.as_view(), name="api-schema"),
    path("api/docs", service.DocsView.as_view(), name="api-docs"),
    path("api/v1/errors", service.ErrorCatalogueView.as_view(), name="api-errors"),
    path("api/v1/settings", settings.SettingListView.as_view(), name="settings"),
    path("api/v1/settings/bulk-update", settings.SettingsBulkUpdateView.as_view(), name="settings-bulk-update"),
    path("api/v1/settings/<str:key>", settings.SettingView.as_view(), name="setting"),
]
