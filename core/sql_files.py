"""SQL beside the models: each file of an app's ``sql/`` is loaded by one migration, with its reverse."""

from pathlib import Path

from django.db.migrations.operations.special import RunSQL


def load_sql(migration_file: str, name: str) -> RunSQL:
    """
    The migration operation that runs ``sql/<name>.sql``, and ``sql/<name>.reverse.sql`` backwards.

    :param migration_file: the migration's ``__file__``, from which the app's folder is known
    :param name: the file's name without its ending
    """
    folder = Path(migration_file).resolve().parent.parent / "sql"
    # psycopg would read a percent sign as a placeholder; Django passes no parameters here, so none is read.
    return RunSQL(
        sql=(folder / f"{name}.sql").read_text(encoding="utf-8"),
        reverse_sql=(folder / f"{name}.reverse.sql").read_text(encoding="utf-8"),
    )
