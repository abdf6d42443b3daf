from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("core", "0006_export_kpis"),
    ]

    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name="throttle",
            name="counted_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="last counted"),
        ),
    ]
