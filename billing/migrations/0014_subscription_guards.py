from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("audit", "0003_audited"),
        ("billing", "0013_subscriptions"),
    ]
    operations: ClassVar[list[Operation]] = [
        load_sql(__file__, "0014_subscription_guards"),
        load_sql(__file__, "0014_carried_periods"),
    ]
