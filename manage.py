#!/usr/bin/env python
"""Django's command line for Dvorik."""

import os
import sys


def main() -> None:
    """Run one command; say what to do when its database is not there."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    from core.postgres import ServerError

    try:
        execute_from_command_line(sys.argv)
    except ServerError as error:
        sys.exit(str(error))
    except OperationalError as error:
        from config.environment import advice_without_database

        if advice := advice_without_database():
            sys.exit(f"{error}\n{advice}")
        raise


if __name__ == "__main__":
    main()
