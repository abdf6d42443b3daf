from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("billing", "0022_attempt_guards"),
    ]

    operations: ClassVar[list[Operation]] = [
        migrations.RemoveConstraint(
            model_name="paymentevent",
            name="billing_paymentevent_direction_fits_its_kind",
        ),
        migrations.RemoveConstraint(
            model_name="paymentevent",
            name="billing_paymentevent_what_goes_out_has_a_reference",
        ),
        migrations.AlterField(
            model_name="announcement",
            name="type",
            field=models.CharField(
                choices=[
                    ("invoice.paid", "an invoice was paid"),
                    ("payment.refunded", "a payment was refunded"),
                    ("payment.refund_failed", "the money of a refund came back"),
                    ("payment.disputed", "a payment was disputed"),
                    ("wallet.low", "a balance fell below the limit"),
                    ("tokens.expiring", "tokens expire soon"),
                    ("subscription.started", "a subscription started"),
                    ("subscription.renewed", "a subscription was renewed"),
                    ("subscription.expiring", "a subscription ends soon"),
                    ("subscription.past_due", "a subscription was not renewed in time"),
                    ("subscription.expired", "a subscription ended"),
                    ("subscription.cancelled", "a subscription was cancelled"),
                    ("trial.started", "a trial started"),
                    ("referral.rewarded", "a referral was rewarded"),
                ],
                max_length=64,
                verbose_name="type",
            ),
        ),
        migrations.AlterField(
            model_name="paymentevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("notice", "notice"),
                    ("created", "begun"),
                    ("succeeded", "money arrived"),
                    ("cancelled", "cancelled"),
                    ("refunded", "refunded"),
                    ("refund_failed", "refund failed"),
                    ("dispute_opened", "dispute opened"),
                    ("dispute_won", "dispute won"),
                    ("dispute_lost", "dispute lost"),
                ],
                max_length=16,
                verbose_name="what it says",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="state",
            field=models.CharField(
                choices=[("pending", "on its way"), ("succeeded", "refunded"), ("failed", "did not go through")],
                default="pending",
                max_length=16,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("direction", "out"),
                        ("kind__in", ["refunded", "refund_failed", "dispute_opened", "dispute_won", "dispute_lost"]),
                    ),
                    models.Q(("direction", "in"), ("kind__in", ["notice", "created", "succeeded", "cancelled"])),
                    _connector="OR",
                ),
                name="billing_paymentevent_direction_fits_its_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["notice", "created", "succeeded", "cancelled"]), ("reference", "")),
                    models.Q(
                        models.Q(("reference", ""), _negated=True),
                        ("kind__in", ["refunded", "refund_failed", "dispute_opened", "dispute_won", "dispute_lost"]),
                    ),
                    _connector="OR",
                ),
                name="billing_paymentevent_what_goes_out_has_a_reference",
            ),
        ),
        load_sql(__file__, "0023_refunds_that_come_back"),
    ]
