"""Routes about money and tokens, under ``/api/v1/``."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from billing.api.views import (
    charges,
    holds,
    invoices,
    payments,
    promo_codes,
    referrals,
    subscriptions,
    tariffs,
    wallets,
    webhooks,
)


class PromoCodeConverter(StringConverter):
    """A promo code in any letter case: letters and digits of any alphabet, ``-`` and ``_``."""

    regex = r"[\w-]{1,64}"


register_converter(PromoCodeConverter, "promo_code")

urlpatterns = [
    path("users/<uuid:user_id>/wallet", wallets.WalletView.as_view(), name="user-wallet"),
    path("users/<uuid:user_id>/transactions", wallets.TransactionListView.as_view(), name="user-transactions"),
    path("users/<uuid:user_id>/stats", wallets.StatisticsView.as_view(), name="user-stats"),
    path("tariffs", tariffs.TariffListView.as_view(), name="tariffs"),
    path("tariffs/<slug:slug>", tariffs.TariffView.as_view(), name="tariff"),
    path("promo-codes", promo_codes.PromoCodeListView.as_view(), name="promo-codes"),
    # Stands before the codes: one that is called QUOTE is reached by its capitals.
    path("promo-codes/quote", promo_codes.QuoteView.as_view(), name="promo-code-quote"),
    path("promo-codes/<promo_code:code>", promo_codes.PromoCodeView.as_view(), name="promo-code"),
    path("invoices", invoices.InvoiceListView.as_view(), name="invoices"),
    path("invoices/<uuid:invoice_id>", invoices.InvoiceView.as_view(), name="invoice"),
    path("invoices/<uuid:invoice_id>/cancel", invoices.InvoiceCancellationView.as_view(), name="invoice-cancel"),
    path("invoices/<uuid:invoice_id>/checkout", invoices.InvoiceCheckoutView.as_view(), name="invoice-checkout"),
    path("invoices/<uuid:invoice_id>/payments", invoices.InvoicePaymentView.as_view(), name="invoice-payments"),
    path("payments", payments.PaymentListView.as_view(), name="payments"),
    path("payments/<uuid:payment_id>", payments.PaymentView.as_view(), name="payment"),
    path("payments/<uuid:payment_id>/refunds", payments.RefundListView.as_view(), name="payment-refunds"),
    path(
        "payments/<uuid:payment_id>/refunds/preview",
        payments.RefundPreviewView.as_view(),
        name="payment-refund-preview",
    ),
    path("charges", charges.ChargeView.as_view(), name="charges"),
    path("charges/batch", charges.ChargeBatchView.as_view(), name="charges-batch"),
    path("holds", holds.HoldListView.as_view(), name="holds"),
    path("holds/<uuid:hold_id>", holds.HoldView.as_view(), name="hold"),
    path("holds/<uuid:hold_id>/capture", holds.HoldCaptureView.as_view(), name="hold-capture"),
    path("holds/<uuid:hold_id>/release", holds.HoldReleaseView.as_view(), name="hold-release"),
    path("subscriptions", subscriptions.SubscriptionListView.as_view(), name="subscriptions"),
    path("subscriptions/<uuid:subscription_id>", subscriptions.SubscriptionView.as_view(), name="subscription"),
    path(
        "subscriptions/<uuid:subscription_id>/cancel",
        subscriptions.SubscriptionCancellationView.as_view(),
        name="subscription-cancel",
    ),
    path("trials", subscriptions.TrialListView.as_view(), name="trials"),
    path("grants", charges.GrantView.as_view(), name="grants"),
    path("referrals", referrals.ReferralListView.as_view(), name="referrals"),
    path("referrals/code", referrals.ReferralCodeView.as_view(), name="referral-code"),
    path("webhook-endpoints", webhooks.WebhookEndpointListView.as_view(), name="webhook-endpoints"),
    path("webhook-endpoints/<uuid:endpoint_id>", webhooks.WebhookEndpointView.as_view(), name="webhook-endpoint"),
    path(
        "webhook-endpoints/<uuid:endpoint_id>/rotate-secret",
        webhooks.WebhookSecretView.as_view(),
        name="webhook-endpoint-rotate-secret",
    ),
    path("webhook-deliveries", webhooks.WebhookDeliveryListView.as_view(), name="webhook-deliveries"),
    path(
        "webhook-deliveries/<uuid:delivery_id>/replay",
        webhooks.WebhookReplayView.as_view(),
        name="webhook-delivery-replay",
    ),
]
