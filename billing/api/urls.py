"""Routes about money and tokens, under ``/api/v1/``."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from billing.api.views import charges, holds, invoices, promo_codes, tariffs, wallets


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
    path("invoices/<uuid:invoice_id>/payments", invoices.InvoicePaymentView.as_view(), name="invoice-payments"),
    path("charges", charges.ChargeView.as_view(), name="charges"),
    path("charges/batch", charges.ChargeBatchView.as_view(), name="charges-batch"),
    path("holds", holds.HoldListView.as_view(), name="holds"),
    path("holds/<uuid:hold_id>", holds.HoldView.as_view(), name="hold"),
    path("holds/<uuid:hold_id>/capture", holds.HoldCaptureView.as_view(), name="hold-capture"),
    path("holds/<uuid:hold_id>/release", holds.HoldReleaseView.as_view(), name="hold-release"),
    path("grants", charges.GrantView.as_view(), name="grants"),
]
