"""Every text that models, errors, roles, settings, commands and deeds bring along is in Russian and in English."""

from __future__ import annotations

import ast
import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

import pytest
from django.apps.registry import Apps
from django.contrib import admin
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy

from accounts.models import Session
from accounts.roles import ROLES
from accounts.scopes import SCOPES
from audit.admin import wording
from core import exports, runtime_settings
from core.errors import DomainError, catalogue
from tests.laws.house import APPS, Sources, house_models, sources
from tests.laws.languages import FOREIGN, Said, monolingual
from tests.laws.test_admin import WITHOUT_A_PAGE

# Columns that nobody is shown, not in the audit log either, so that their names are for those who read code.
UNSEEN: Final = frozenset(
    {
        "once",
        "lease",
        "owner_hash",
        "secret",
        "previous_secret",
        "our_currency",
        "their_currency",
        "request_hash",
        "secret_hash",
        "lease_token",
    }
)


# Commands that are Django's own but for the role that they connect as; Django speaks English to operators.
OF_DJANGO: Final = frozenset({"migrate"})


def of_models(shown: list[type[models.Model]]) -> Said:
    """Names and explanations of models, and of those fields and choices that are shown somewhere."""
    for model in shown:
        meta = model._meta
        yield meta.label, meta.verbose_name
        yield f"{meta.label}, plural", meta.verbose_name_plural
        if model in WITHOUT_A_PAGE and model is not Session:
            continue
        for field in meta.get_fields():
            if isinstance(field, models.Field) and field.name not in UNSEEN:
                place = f"{meta.label}.{field.name}"
                yield place, field.verbose_name
                yield f"{place}, help", field.help_text
                for value, label in field.flatchoices:
                    yield f"{place}, {value}", label


# What writes deeds and alerts, and its own parameters, which are no facts of theirs.
_DEED: Final = frozenset({"entity", "by", "reason", "old", "new"})
_KEEPERS: Final = {
    "records.record": _DEED,
    "alerts.raise_alert": frozenset({"severity", "title", "body"}),
}


def of_the_catalogue(errors: list[type[DomainError]]) -> Said:
    """What errors say of themselves."""
    return ((error.code, error.title) for error in errors)


def of_staff() -> Said:
    """Roles, scopes, settings and exports."""
    for name, role in ROLES.items():
        yield f"role {name}", role.title
    for name, scope in SCOPES.items():
        yield f"scope {name}", scope
    for definition in runtime_settings.definitions():
        yield definition.key, definition.help_text
    for export in exports.definitions():
        yield f"export {export.name}", export.title
        for column in export.columns:
            yield f"export {export.name}, a column", column.title


def of_buttons() -> Said:
    """The deeds of Admin's pages."""
    for model, page in admin.site._registry.items():
        for name in (*page.actions_detail, *page.actions_list):  # type: ignore[attr-defined]  # unfold's
            yield f"{model._meta.label}, {name}", getattr(page, name).short_description


def recorded(tree: Sources) -> tuple[set[str], set[str]]:
    """The codes of deeds in the audit log, and the names of what they and alerts know besides."""
    actions: set[str] = set()
    facts: set[str] = set()
    for path, text in tree.items():
        for call in ast.walk(ast.parse(text)) if "/tests/" not in path else ():
            if isinstance(call, ast.Call) and (asked := _KEEPERS.get(ast.unparse(call.func))) is not None:
                if asked is _DEED:
                    actions |= {str(each.value) for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)}
                facts |= {word.arg for word in call.keywords if word.arg and word.arg not in asked}
                for word in call.keywords:
                    if word.arg in {"old", "new"} and isinstance(word.value, ast.Dict):
                        facts |= {str(key.value) for key in word.value.keys if isinstance(key, ast.Constant)}
    return {action for action in actions if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", action)}, facts


class _Lazy:
    """A text that is asked for anew in each language."""

    def __init__(self, ask: Any, *asked: Any) -> None:
        self.ask, self.asked = ask, asked

    def __str__(self) -> str:
        return str(self.ask(*self.asked))


def of_the_audit_log(tree: Sources) -> Said:
    """What deeds are called, and what is known of them."""
    # Whoever has no words is called by its code, which would pass for a name.
    actions, facts = recorded(tree)
    for action in sorted(actions):
        yield action, _Lazy(lambda code: wording.deed_in_words(code).replace(".", " "), action)
    for name in sorted(facts):
        yield f"fact {name}", _Lazy(lambda code: wording.fact_in_words(code).replace("_", " "), name)


def house_commands() -> Mapping[str, Any]:
    """Our own commands, by their names."""
    known = {name: app for name, app in get_commands().items() if app in APPS and name not in OF_DJANGO}
    return {name: load_command_class(app, name) for name, app in known.items()}


def helps(parser: ArgumentParser, before: str) -> Iterator[tuple[str, str]]:
    """What a command says of itself and its arguments, as it is printed."""
    formatter = parser._get_formatter()
    if parser.description:
        yield before, parser.description
    for action in parser._actions:
        place = f"{before} {action.dest}"
        if isinstance(action, _SubParsersAction):
            for choice in action._choices_actions:
                yield f"{place} {choice.dest}", choice.help or ""
            for name, inner in action.choices.items():
                yield from helps(inner, f"{before} {name}")
        elif action.help and action.dest != "help":
            yield place, formatter._expand_help(action)


def of_commands(commands: Mapping[str, Any]) -> Said:
    """What ``--help`` of our commands says. What argparse itself says is asked for in core/tests/test_terminal.py."""
    spoken: dict[str, dict[str, str]] = {}
    for language in ("ru", "en"):
        with translation.override(language):
            for name, command in commands.items():
                for place, text in helps(command.create_parser("manage.py", name), name):
                    spoken.setdefault(place, {})[language] = text
    for place, texts in spoken.items():
        yield place, _Lazy(lambda of: of.get(translation.get_language(), ""), texts)


SAID: Final[Mapping[str, Callable[[], Said]]] = {
    "models": lambda: of_models(house_models()),
    "errors": lambda: of_the_catalogue(catalogue()),
    "staff": of_staff,
    "buttons": of_buttons,
    "deeds": lambda: of_the_audit_log(sources()),
    "commands": lambda: of_commands(house_commands()),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
def test_everything_is_said_in_both_languages(said: Callable[[], Said]) -> None:
    texts = list(said())
    assert any(str(text) for _place, text in texts)
    assert list(monolingual(texts)) == []


# The controls: what is not translated is found, whichever way it comes.


class Things(models.Model):
    """A model that nobody has translated."""

    colour = models.CharField(max_length=9, choices=[("red", "Bright red")], help_text="How it looks.")

    class Meta:
        app_label = "core"
        managed = False
        apps = Apps()
        verbose_name = gettext_lazy("invoice")

    def __str__(self) -> str:
        return self.colour


class Walk(BaseCommand):
    help = "Walk the dog."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--far", help="further than usual")


def places(said: Said) -> list[str]:
    return [found.partition(":")[0] for found in monolingual(said)]


def test_a_model_in_one_language_is_found() -> None:
    assert places(of_models([Things])) == [
        "core.Things, plural",
        "core.Things.colour",
        "core.Things.colour, help",
        "core.Things.colour, red",
    ]


def test_an_error_in_one_language_is_found() -> None:
    # No class of its own: the house would take it into its catalogue.
    untranslated: Any = SimpleNamespace(code="laws.untranslated", title="Nobody has translated this.")
    assert places(of_the_catalogue([untranslated])) == ["laws.untranslated"]


def test_a_command_in_one_language_is_found() -> None:
    found = places(of_commands({"walk": Walk()}))
    assert {"walk", "walk far"} <= set(found)


def test_a_deed_and_a_fact_without_words_are_found() -> None:
    source = 'records.record("shop.door.opened", entity=door, by=by, key_holder=1, new={"side": "left"})'
    assert places(of_the_audit_log({"shop/operations/doors.py": source})) == [
        "shop.door.opened",
        "fact key_holder",
        "fact side",
    ]


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("Заказ оплачен by hand", "ru"),
        ("Paid", "ru"),
        ("Сохранить changes", "ru"),
        ("The order is оплачен", "en"),
    ],
)
def test_a_word_of_the_other_language_is_found(said: str, language: str) -> None:
    assert FOREIGN[language](said)


@pytest.mark.parametrize(
    "said",
    ["Ключ API", "id в Telegram", "Выполните `manage.py pg start`", "billing.grant", "/api/v1", "%(name)s", "@name"],
)
def test_names_and_codes_are_no_words(said: str) -> None:
    assert FOREIGN["ru"](said) == []
