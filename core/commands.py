"""Commands in the language of the terminal: ``manage.py`` itself, and what the house's own commands have in common."""

from __future__ import annotations

from argparse import Action
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.apps import apps
from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from core import terminal

if TYPE_CHECKING:
    from core.admin.display import Text

    # A mixin of commands, Django's among them; at run time it stands in front of one.
    _Base = BaseCommand
else:
    _Base = object

# Django does not translate what it says of the options that every command has, and its shell.
OF_DJANGO: Final = frozenset(
    {
        gettext_noop("Show program's version number and exit."),
        gettext_noop("Verbosity level; 0=minimal output, 1=normal output, 2=verbose output, 3=very verbose output"),
        gettext_noop(
            'The Python path to a settings module, e.g. "myproject.settings.main". If this isn\'t provided, the '
            "DJANGO_SETTINGS_MODULE environment variable will be used."
        ),
        gettext_noop('A directory to add to the Python path, e.g. "/home/djangoprojects/myproject".'),
        gettext_noop("Display a full stack trace on CommandError exceptions."),
        gettext_noop("Don't colorize the command output."),
        gettext_noop("Force colorization of the command output."),
        gettext_noop("Skip system checks."),
        gettext_noop(
            "When using plain Python, ignore the PYTHONSTARTUP environment variable and ~/.pythonrc.py script."
        ),
        gettext_noop("Disable automatic imports of models."),
        gettext_noop(
            'Specify an interactive interpreter interface. Available options: "ipython", "bpython", and "python"'
        ),
        gettext_noop("Instead of opening an interactive shell, run a command as Django and exit."),
    }
)


class Manage(ManagementUtility):
    """Django's command line, in the terminal's language. A command that code calls speaks the language of that code."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        chosen = terminal.language()
        terminal.adopt(chosen)
        # Settings that are wrong leave no apps, and so no translations.
        if apps.ready:
            translation.activate(chosen)
        return super().fetch_command(subcommand)


class HelpFormatter(DjangoHelpFormatter):
    """Translates what Django says of its options."""

    def _get_help_string(self, action: Action) -> str | None:
        said = super()._get_help_string(action)
        return gettext(said) if said in OF_DJANGO else said


class InBothLanguages(_Base):
    """
    A command whose help is translated. It stands before ``BaseCommand``, or a command of Django's, among the parents.

    :cvar summary: what the command is for
    """

    summary: ClassVar[Text]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # argparse wants a text, and the language is known by now.
        self.help = str(self.summary)
        kwargs.setdefault("formatter_class", HelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)
