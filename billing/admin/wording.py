"""What is done about money, in the words of the audit log."""

from django.utils.translation import gettext_lazy as _

from audit.admin.wording import register_deeds

register_deeds(
    {
        "billing.demo.loaded": _("Demo data loaded"),
        "billing.grant.given": _("Tokens given"),
        "billing.payment.mismatch": _("Payment that does not fit"),
        "billing.payment.recorded": _("Payment recorded"),
        "billing.payment.surplus": _("Payment of more than was owed"),
        "billing.promo_code.batch_created": _("Batch of codes made"),
        "billing.promo_code.honoured_late": _("Code honoured after its end"),
        "billing.wallet.frozen": _("Frozen"),
        "billing.wallet.unfrozen": _("Unfrozen"),
    }
)
