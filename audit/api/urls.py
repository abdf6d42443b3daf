"""Routes about what happened, under ``/api/v1/``."""

from django.urls import path

from audit.api import views

urlpatterns = [
    path("audit-logs", views.AuditLogListView.as_view(), name="audit-logs"),
    path("alerts", views.AlertListView.as_view(), name="alerts"),
    path("alerts/<int:alert_id>/acknowledge", views.AlertAcknowledgeView.as_view(), name="alert-acknowledge"),
]
