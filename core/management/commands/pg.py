"""Looks after the embedded PostgreSQL, also beside a running installation."""

import argparse
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.commands import InBothLanguages
from core.postgres import EmbeddedServer, ServerError

STOP_MODES = ("smart", "fast", "immediate")


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Start, stop, ask, dump and restore the embedded PostgreSQL.")
    # The server may well be down: nothing here may ask the database first.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("init", help=_("make the server's files without starting it"))
        actions.add_parser("start", help=_("start it (made first if needed) and wait until it answers"))
        stop = actions.add_parser("stop", help=_("stop it and wait until it is gone"))
        stop.add_argument("--mode", choices=STOP_MODES, default="fast", help=_("immediate is a crash on purpose"))
        actions.add_parser("status", help=_("say whether it runs; exit code 3 if it does not"))
        psql = actions.add_parser("psql", help=_("open psql as the application's role"))
        who = psql.add_mutually_exclusive_group()
        who.add_argument("--owner", action="store_true", help=_("as the owner of the tables instead"))
        who.add_argument("--superuser", action="store_true", help=_("as the superuser instead"))
        psql.add_argument("arguments", nargs=argparse.REMAINDER, help=_("passed on to psql, after --"))
        dump = actions.add_parser("dump", help=_("write the whole database to a file and read it back"))
        dump.add_argument("file", type=Path)
        restore = actions.add_parser("restore", help=_("put the database of a dump in the place of the present one"))
        restore.add_argument("file", type=Path)
        restore.add_argument("--replace", action="store_true", help=_("also when the present database holds tables"))

    def handle(self, *args: Any, **options: Any) -> None:
        server = EmbeddedServer(settings.HOME)
        act = getattr(self, f"_{options['action']}")
        try:
            act(server, options)
        except ServerError as error:
            raise CommandError(error.said(_)) from error

    def _init(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        made = server.ensure_initialised()
        self.stdout.write(_("The server's files were made.") if made else _("The server's files are there already."))

    def _start(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        started = server.start()
        self.stdout.write(_("PostgreSQL runs.") if started else _("PostgreSQL runs already."))

    def _stop(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        stopped = server.stop(options["mode"])
        self.stdout.write(_("PostgreSQL is stopped.") if stopped else _("PostgreSQL was not running."))

    def _status(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        status = server.status()
        if not status.initialised:
            raise CommandError(_("No server was made yet: run `python manage.py pg start`"), returncode=3)
        if not status.running:
            raise CommandError(_("PostgreSQL is not running: run `python manage.py pg start`"), returncode=3)
        said = (
            _("PostgreSQL runs (process %(pid)d) and answers.")
            if status.ready
            else _("PostgreSQL runs (process %(pid)d) but does not answer yet.")
        )
        self.stdout.write(said % {"pid": status.pid})
        # For scripts: the same in every language.
        self.stdout.write(f"data:   {status.data}\nlog:    {status.log}\nsocket: {server.connection()['host']}")

    def _psql(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        arguments = [argument for argument in options["arguments"] if argument != "--"]
        sys.exit(server.psql(arguments, owner=options["owner"], superuser=options["superuser"]))

    def _dump(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        server.dump(options["file"])
        self.stdout.write(_("%(file)s was written and read back to its end.") % {"file": options["file"]})

    def _restore(self, server: EmbeddedServer, options: dict[str, Any]) -> None:
        kept = server.restore(options["file"], replace=options["replace"])
        self.stdout.write(_("%(file)s is the database now.") % {"file": options["file"]})
        if kept:
            self.stdout.write(_("The former one is kept as %(name)s.") % {"name": kept})
