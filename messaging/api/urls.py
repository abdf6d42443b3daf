"""Routes about bots. Telegram is given them; they stand at the root, not under ``/api/v1/``."""

from django.urls import path

from messaging.api import views

urlpatterns = [
    path("webhooks/main-bot", views.BotWebhookView.as_view(bot="main"), name="main-bot-webhook"),
    path("webhooks/auth-bot", views.BotWebhookView.as_view(bot="auth"), name="auth-bot-webhook"),
    path("internal/set-webhooks", views.SetWebhooksView.as_view(), name="set-webhooks"),
    path("internal/delete-webhooks", views.DeleteWebhooksView.as_view(), name="delete-webhooks"),
    path("internal/webhook-info", views.WebhookInfoView.as_view(), name="webhook-info"),
]
