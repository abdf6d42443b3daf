"""Routes about the service itself."""

from django.conf import settings as configuration
from django.urls import URLPattern, path

from core.api import clocks, metrics, service, settings

urlpatterns: list[URLPattern] = [
    path("", service.RootView.as_view(), name="root"),
    path("health", service.HealthView.as_view(), name="health"),
    path("metrics", metrics.MetricsView.as_view(), name="metrics"),
    path("api/schema", service.SchemaView.as_view(), name="api-schema"),
    path("api/docs", service.DocsView.as_view(), name="api-docs"),
    path("api/v1/errors", service.ErrorCatalogueView.as_view(), name="api-errors"),
    path("api/v1/settings", settings.SettingListView.as_view(), name="settings"),
    path("api/v1/settings/bulk-update", settings.SettingsBulkUpdateView.as_view(), name="settings-bulk-update"),
    path("api/v1/settings/<str:key>", settings.SettingView.as_view(), name="setting"),
]

# In production there is no such thing.
if configuration.ENV != "production":
    urlpatterns.append(path("api/v1/test-clock/advance", clocks.AdvanceView.as_view(), name="test-clock-advance"))
