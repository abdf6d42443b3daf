from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("messaging", "0001_initial")]
    operations: ClassVar[list[Operation]] = [load_sql(__file__, "0002_guards")]
