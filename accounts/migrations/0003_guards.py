from typing import ClassVar

from django.db import migrations

from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("accounts", "0002_user_anonymised_at"),
        ("audit", "0002_guards"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [load_sql(__file__, "0003_guards")]
