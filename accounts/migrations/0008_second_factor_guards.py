from typing import ClassVar

from django.db import migrations

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("accounts", "0007_second_factors"),
        ("audit", "0002_guards"),
    ]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [load_sql(__file__, "0008_second_factor_guards")]
