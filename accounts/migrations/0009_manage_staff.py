from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_second_factor_guards")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "ordering": ["-created_at", "-id"],
                "permissions": [("manage_staff", "Can hire, dismiss and give roles")],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
    ]
