from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("billing", "0021_attempts_to_pay"),
    ]
    operations: ClassVar[list[Operation]] = [load_sql(__file__, "0022_attempt_guards")]
