from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("accounts", "0009_manage_staff"),
    ]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.AlterField(
            model_name="session",
            name="revoked_for",
            field=models.CharField(
                blank=True,
                choices=[
                    ("logout", "logged out"),
                    ("logout_all", "logged out everywhere"),
                    ("closed", "closed from another device"),
                    ("reuse", "a used refresh token was shown again"),
                    ("crowded_out", "newer sessions took its place"),
                    ("locked_out", "the password was changed, or the person was kept out"),
                ],
                default="",
                editable=False,
                max_length=16,
                verbose_name="why",
            ),
        ),
    ]
