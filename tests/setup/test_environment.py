"""What the environment may say, and what is refused."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.environment import env
from core.tests import interpreters

from .conftest import ROOT

SAFE = {"SECRET_KEY": "0123456789" * 5, "ALLOWED_HOSTS": "office.example", "DEBUG": "false"}
# Read by other programs, or by the containers' own images.
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "LANGUAGE", "PATH", "PYTHONPATH", "PYTHONWARNINGS"}


KNOWN = {"PATH": os.defpath, "DJANGO_SETTINGS_MODULE": "config.settings", "DVORIK_HOME": "/nonexistent"}


def settings_with(**variables: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process whose environment holds nothing else."""
    return interpreters.run(["-c", "import django; django.setup(); print('fine')"], environment=KNOWN | variables)


def test_needs_no_variable_at_all() -> None:
    assert settings_with().stdout == "fine\n"


@pytest.mark.parametrize(
    "text", ["5", "5,1", "5,1,x", "5,1,-1", "5,1,0.0001", "5,1,nan", "5,1,inf", "5;1;10", "5,1,10,x", "5,1,10,30,1"]
)
def test_time_limits_are_three_numbers_or_four(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"API_TIME_LIMITS is .* three or four numbers"):
        environment.time_limits("API_TIME_LIMITS", text)
    assert environment.time_limits("API_TIME_LIMITS", "5, 0.5 ,0") == (5, 0.5, 0)
    assert environment.time_limits("API_TIME_LIMITS", "5,0.5,0,30") == (5, 0.5, 0, 30)


@pytest.mark.parametrize("text", ["8", "8,x", "24,8", "0,8", "0.001,8", "8,1e9", "nan,8", "8,inf", "8;24"])
def test_session_hours_are_two_numbers_that_fit(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"ADMIN_SESSION_HOURS is .* two numbers"):
        environment.session_hours(text)
    assert environment.session_hours("0.5, 12") == (1800, 43_200)


def test_production_starts_when_it_is_safe() -> None:
    assert settings_with(ENV="production", **SAFE).stdout == "fine\n"


# Each with what is said of it.
UNSAFE = [
    ("SECRET_KEY", "", "SECRET_KEY is the default one"),
    ("SECRET_KEY", "short", "SECRET_KEY is the default one or shorter than 50"),
    ("SECRET_KEY_FALLBACKS", "0123456789" * 5 + ",short", "SECRET_KEY_FALLBACKS is the default one or shorter"),
    ("DEBUG", "true", "DEBUG is on"),
    ("ALLOWED_HOSTS", "office.example,*", "ALLOWED_HOSTS is empty or a wildcard"),
    ("BOT_TOKEN", environment.DUMMY_BOT_TOKEN, "BOT_TOKEN is the dummy one"),
    ("BEHIND_TLS_PROXY", "true", "BEHIND_TLS_PROXY needs TRUSTED_PROXIES"),
    ("WEBHOOK_ALLOW_HTTP", "true", "WEBHOOK_ALLOW_HTTP or WEBHOOK_ALLOW_PRIVATE is on"),
    ("WEBHOOK_ALLOW_PRIVATE", "true", "WEBHOOK_ALLOW_HTTP or WEBHOOK_ALLOW_PRIVATE is on"),
]


@pytest.mark.parametrize(("variable", "value", "named"), UNSAFE)
def test_production_refuses_to_start_and_says_which(variable: str, value: str, named: str) -> None:
    refused = settings_with(ENV="production", **SAFE | {variable: value})
    assert refused.returncode == 1
    assert f"ENV=production refuses to start: {named}" in refused.stderr


def test_a_python_that_was_just_started_refuses_as_well() -> None:
    command = [sys.executable, "manage.py", "check"]
    unsafe = KNOWN | SAFE | {"ENV": "production", "DEBUG": "true"}
    refused = subprocess.run(command, cwd=ROOT, env=unsafe, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "ENV=production refuses to start: DEBUG is on" in refused.stderr


@pytest.mark.parametrize("secret_key", [value for variable, value, _named in UNSAFE if variable == "SECRET_KEY"])
def test_only_production_is_that_strict(secret_key: str) -> None:
    unsafe = {variable: value for variable, value, _named in UNSAFE}
    assert settings_with(**SAFE | unsafe | {"SECRET_KEY": secret_key}).stdout == "fine\n"


def test_production_names_everything_that_is_wrong_at_once() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY.*DEBUG.*ALLOWED_HOSTS"):
        environment.require_safe_production(
            secret_key=environment.DEFAULT_SECRET_KEY,
            former_keys=[],
            debug=True,
            allowed_hosts=["*"],
            bot_token="",
            proxies_are_unknown=False,
        )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ENV", "prod"),
        ("DEBUG", "yse"),
        ("DATABASE_URL", "mysql://root@127.0.0.1/dvorik"),
        ("TOKEN_KEYS", "new:short"),
        ("TOKEN_KEYS", "a name:" + "x" * 32),
        ("TOKEN_KEYS", f"same:{'x' * 32},same:{'y' * 32}"),
        ("TRIAL_KEYS", f"{'x' * 32},short"),
        ("THIRD_PARTY_BOT_IDS", "a-bot"),
    ],
)
def test_refuses_a_value_it_does_not_understand_by_the_variables_name(variable: str, value: str) -> None:
    refused = settings_with(**{variable: value})
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"django.core.exceptions.ImproperlyConfigured: {variable} ")


def test_token_keys_follow_from_the_secret_key_where_none_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_KEYS", raising=False)
    derived = environment.token_keys(secret_key="new" * 20, former_keys=["old" * 20])
    assert list(derived.values()) == ["new" * 20, "old" * 20]
    assert not any(name in secret for name in derived for secret in derived.values())
    monkeypatch.setenv("TOKEN_KEYS", f"2:{'b' * 32},1:{'a' * 32}")
    given = environment.token_keys(secret_key="new" * 20, former_keys=[])
    assert list(given.items()) == [("2", "b" * 32), ("1", "a" * 32)]


def test_trial_keys_are_the_secret_key_and_its_fallbacks_where_none_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIAL_KEYS", raising=False)
    assert environment.trial_keys(secret_key="new", former_keys=["old"]) == ["new", "old"]
    monkeypatch.setenv("TRIAL_KEYS", f"{'b' * 32},{'a' * 32}")
    assert environment.trial_keys(secret_key="new", former_keys=[]) == ["b" * 32, "a" * 32]


def test_a_number_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_WORKERS", "many")
    with pytest.raises(ImproperlyConfigured, match="WEB_WORKERS is 'many'"):
        env.int("WEB_WORKERS")


def test_a_secret_may_begin_with_a_dollar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "$HOME")
    assert env.str("POSTGRES_PASSWORD", default="") == "$HOME"


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DVORIK_HOME", "ENV", "DEBUG"):
        monkeypatch.setenv(name, "")
    assert environment.home() == ROOT / "var"
    assert environment.environment() == "development"
    assert env.bool("DEBUG", default=True) is True


def test_points_at_another_server_by_url_or_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        *(f"POSTGRES_{part}" for part in ("HOST", "PORT", "USER", "PASSWORD", "DB")),
    ):
        monkeypatch.delenv(name, raising=False)
    wanted = {"HOST": "db.example", "PORT": 5433, "USER": "me", "PASSWORD": "p@ss/word", "NAME": "office"}
    monkeypatch.setenv("DATABASE_URL", "postgres://me:p%40ss%2Fword@db.example:5433/office")
    assert wanted.items() <= environment.database(Path("/nonexistent")).items()
    monkeypatch.delenv("DATABASE_URL")
    parts = {"HOST": "db.example", "PORT": "5433", "USER": "me", "PASSWORD": "p@ss/word", "DB": "office"}
    for part, value in parts.items():
        monkeypatch.setenv(f"POSTGRES_{part}", value)
    assert (wanted | {"PORT": "5433"}).items() <= environment.database(Path("/nonexistent")).items()


def test_redis_is_the_broker_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert environment.broker(Path("/home"))["broker_url"].startswith("filesystem://")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/5")
    assert environment.broker(Path("/home"))["broker_url"] == "redis://127.0.0.1:6379/5"


@pytest.mark.parametrize(("kind", "adopted"), [("development", True), ("test", False), ("production", False)])
def test_made_up_services_are_adopted_where_nobody_is_harmed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, adopted: bool
) -> None:
    monkeypatch.setenv("ENV", kind)
    monkeypatch.setenv("YOOKASSA_SHOP_ID", "a shop of our own")
    monkeypatch.setenv("YOOKASSA_API_BASE", "to be forgotten afterwards")
    monkeypatch.delenv("YOOKASSA_API_BASE")
    environment.adopt_made_up(tmp_path)
    (tmp_path / environment.MADE_UP).write_text("YOOKASSA_API_BASE=http://127.0.0.1:1/v3\nYOOKASSA_SHOP_ID=100500\n")
    environment.adopt_made_up(tmp_path)
    assert os.environ["YOOKASSA_SHOP_ID"] == "a shop of our own"
    assert os.environ.get("YOOKASSA_API_BASE") == ("http://127.0.0.1:1/v3" if adopted else None)


def test_every_variable_that_is_read_is_described_and_no_other() -> None:
    read = set()
    for folder in ("config", "core", "accounts", "audit", "billing", "messaging", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            # What `make bench` hands to its own processes is no setting.
            if not {"tests", "bench"}.intersection(path.parts):
                text = path.read_text("utf-8")
                read |= set(re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", text))
                # Read by a name that is handed on.
                read |= set(re.findall(r"\"([A-Z_]+_(?:TIME_LIMITS|WEBHOOK_SECRET))\"", text))
                read |= set(re.findall(r"\bos\.environ(?:\.get\(|\[)\s*[\"']([A-Z_]+)[\"']", text))
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    read |= set(re.findall(r"\$\{([A-Z_]+)", compose))
    described = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), flags=re.MULTILINE))
    assert described == read - NOT_OURS
