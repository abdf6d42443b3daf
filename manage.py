#!/usr/bin/env python
"""Django's command line for Dvorik."""

import os
import sys


def main() -> None:
    """Run one command; say what to do when its database is not there."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.db.utils import OperationalError

    from core import terminal
    from core.commands import Manage
    from core.postgres import ServerError

    try:
        Manage(sys.argv).execute()
    except ServerError as error:
        sys.exit(error.said(terminal.gettext))
    except OperationalError as error:
        from config.environment import advice_without_database

        if advice := advice_without_database():
            sys.exit(f"{error}\n{advice}")
        raise


if __name__ == "__main__":
    main()
