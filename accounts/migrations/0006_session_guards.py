from typing import ClassVar

from django.db import migrations

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("accounts", "0005_sessions"),
        ("audit", "0002_guards"),
    ]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [load_sql(__file__, "0006_session_guards")]
