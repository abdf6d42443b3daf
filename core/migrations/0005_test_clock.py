from typing import ClassVar

from django.db import migrations

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0004_exports")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [load_sql(__file__, "0005_test_clock")]
