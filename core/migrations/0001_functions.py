from typing import ClassVar

from django.db import migrations

from core.sql_files import load_sql


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar[list[migrations.operations.base.Operation]] = [load_sql(__file__, "0001_functions")]
