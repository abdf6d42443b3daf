"""``manage.py load_demo``, and what it refuses."""

from __future__ import annotations

import json
import stat
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import translation
from pytest_django import Settings

from accounts.models import ApiKey, User
from accounts.rules import keys
from accounts.tests.factories import StaffFactory, UserFactory
from billing.management.commands.load_demo import Command
from billing.models import Tariff
from billing.operations import demo
from billing.rules import demo_story
from billing.tests.factories import TariffFactory

pytestmark = pytest.mark.django_db
# A refusal dooms its transaction: to look around afterwards, the command must have had one of its own.
OUTERMOST = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Settings) -> Path:
    settings.HOME = tmp_path
    return tmp_path


class ShortStory(Command):
    """Most of the story changes nothing about the command: the beginning will do."""

    @staticmethod
    def tell(until: datetime) -> list[demo_story.Step]:
        return demo_story.tell(until)[:60]


def load_demo(*arguments: str) -> str:
    said = StringIO()
    with translation.override("en"):
        call_command(ShortStory(), *arguments, stdout=said)
    return said.getvalue()


def nothing_was_made() -> bool:
    return not (Tariff.objects.exists() or ApiKey.objects.exists() or User.objects.filter(login=demo.LOGIN).exists())


def test_prints_credentials_that_work(home: Path) -> None:
    said = load_demo()
    kept = json.loads((home / "demo.json").read_text("utf-8"))
    assert kept["password"] in said
    assert kept["api_key"] in said
    operator = authenticate(username=demo.LOGIN, password=kept["password"])
    assert isinstance(operator, User)
    assert operator.is_staff
    assert not operator.is_superuser
    assert list(operator.groups.values_list("name", flat=True)) == ["operator"]
    key = keys.parse(kept["api_key"])
    assert key is not None
    row = ApiKey.objects.get(prefix=key.prefix)
    assert key.fits(bytes(row.secret_hash))
    assert set(row.scopes) == set(demo.BOT_SCOPES)


def test_keeps_the_credentials_from_everybody_else(home: Path) -> None:
    load_demo()
    assert stat.S_IMODE((home / "demo.json").stat().st_mode) == 0o600


def test_changes_nothing_the_second_time_and_says_the_same_credentials() -> None:
    first = load_demo("--once")
    before = (User.objects.count(), Tariff.objects.count())
    second = load_demo("--once")
    assert (User.objects.count(), Tariff.objects.count()) == before
    assert second in first


def test_says_how_to_get_new_credentials_when_the_file_is_gone(home: Path) -> None:
    load_demo("--once")
    (home / "demo.json").unlink()
    assert "changepassword operator" in load_demo("--once")


def test_does_not_print_another_databases_credentials(home: Path) -> None:
    load_demo("--once")
    file = home / "demo.json"
    file.write_text(json.dumps({"operator_id": "another", "password": "alien", "api_key": "alien"}), "utf-8")
    assert "alien" not in load_demo("--once")


def test_refuses_to_load_twice() -> None:
    load_demo()
    with pytest.raises(CommandError, match="already"):
        load_demo()


@OUTERMOST
@pytest.mark.parametrize("factory", [UserFactory, TariffFactory])
def test_leaves_a_database_with_data_of_its_own_alone(factory: type[UserFactory | TariffFactory], home: Path) -> None:
    factory.create()
    assert "No demo data is loaded" in load_demo("--once")
    with pytest.raises(CommandError, match="would mix"):
        load_demo()
    assert not User.objects.filter(login=demo.LOGIN).exists()
    assert not (home / "demo.json").exists()


@OUTERMOST
def test_refuses_in_production(settings: Settings, home: Path) -> None:
    settings.ENV = "production"
    with pytest.raises(CommandError, match="production"):
        load_demo()
    assert "production" in load_demo("--once")
    assert nothing_was_made()
    assert not (home / "demo.json").exists()


@OUTERMOST
def test_refuses_when_somebody_has_the_operators_login() -> None:
    StaffFactory.create(login=demo.LOGIN)
    with pytest.raises(CommandError, match="login_taken"):
        load_demo()
    assert not Tariff.objects.exists()


@OUTERMOST
def test_undoes_everything_when_the_credentials_cannot_be_kept(home: Path) -> None:
    (home / "demo.json.new").mkdir()
    with pytest.raises(OSError, match=r"demo\.json"):
        load_demo()
    assert nothing_was_made()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('core_now()'::regprocedure)")
        assert "demo" not in cursor.fetchone()[0]
