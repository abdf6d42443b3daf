from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("billing", "0006_promo_code_changes")]
    operations: ClassVar[list[Operation]] = [
        load_sql(__file__, "0007_lot_checkpoint_is_one_per_wallet"),
        migrations.AddConstraint(
            model_name="lotcheckpoint",
            constraint=models.UniqueConstraint(fields=("wallet",), name="billing_lotcheckpoint_is_one_per_wallet"),
        ),
        migrations.RemoveConstraint(
            model_name="lotcheckpoint", name="billing_lotcheckpoint_is_one_per_wallet_and_sequence"
        ),
    ]
