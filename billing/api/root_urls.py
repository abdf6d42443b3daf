"""Routes that payment providers are given; they stand at the root, not under ``/api/v1/``."""

from django.urls import path

from billing.api.views import provider_webhooks

urlpatterns = [
    path("webhooks/yookassa", provider_webhooks.YooKassaWebhookView.as_view(), name="yookassa-webhook"),
    path("webhooks/stripe", provider_webhooks.StripeWebhookView.as_view(), name="stripe-webhook"),
]
