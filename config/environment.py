"""Reads the environment, and refuses to start on one that is wrong or, in production, unsafe."""

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):
    """
    Reads variables as they stand: an empty one counts as absent, and one that cannot be understood is refused by name.

    The library would take a value that begins with ``$`` for the name of another variable, and any text for a bool:
    a password may begin with ``$``, and ``DEBUG=yse`` is a mistake.
    """

    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **_: Any) -> Any:
        """``Any``, because the type is the one that the caller asks for, by ``str``, ``int`` and so on."""
        value = os.environ.get(var, "")
        if not value:
            if default is self.NOTSET:
                raise ImproperlyConfigured(f"{var} is not set")
            return default
        if cast is bool and value.lower() not in {*self.BOOLEAN_TRUE_STRINGS, "false", "off", "no", "n", "0"}:
            raise ImproperlyConfigured(f"{var} is {value!r}; it must be true or false")
        try:
            return self.parse_value(value, cast)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"{var} is {value!r}, which cannot be understood: {error}") from error


env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent

# Anybody can read it here, so it protects nothing.
DEFAULT_SECRET_KEY = "insecure-development-key-that-production-refuses-to-start-with"  # noqa: S105 (refused in production)
SHORTEST_SECRET_KEY = 50


def environment() -> str:
    """Which kind of installation this is: ``development``, ``test`` or ``production``."""
    name = str(env.str("ENV", default="development"))
    if name not in {"development", "test", "production"}:
        raise ImproperlyConfigured(f"ENV is {name!r}; it must be development, test or production")
    return name


def require_safe_production(*, secret_key: str, former_keys: list[str], debug: bool, allowed_hosts: list[str]) -> None:
    """
    Refuse to start a production installation that is open to everybody.

    :param former_keys: with which something may still be signed
    :raises ImproperlyConfigured: naming every variable that is wrong
    """
    wrong = []
    for name, keys in (("SECRET_KEY", [secret_key]), ("SECRET_KEY_FALLBACKS", former_keys)):
        if any(key == DEFAULT_SECRET_KEY or len(key) < SHORTEST_SECRET_KEY for key in keys):
            wrong.append(f"{name} is the default one or shorter than {SHORTEST_SECRET_KEY} characters")
    if debug:
        wrong.append("DEBUG is on")
    if not allowed_hosts or any(host.strip() in {"*", "."} for host in allowed_hosts):
        wrong.append("ALLOWED_HOSTS is empty or a wildcard; name the hosts")
    if wrong:
        raise ImproperlyConfigured(f"ENV=production refuses to start: {'; '.join(wrong)}.")


def home() -> Path:
    """Where the installation keeps its data: ``DVORIK_HOME``, or ``var/`` beside the code."""
    return Path(env.str("DVORIK_HOME", default="") or BASE_DIR / "var").expanduser().resolve()


def database(home: Path) -> dict[str, Any]:
    """
    Django's connection settings: ``DATABASE_URL``, else ``POSTGRES_*``, else the embedded server.
    """
    if env.str("DATABASE_URL", default=""):
        if not str(env.str("DATABASE_URL")).startswith(("postgres://", "postgresql://")):
            raise ImproperlyConfigured("DATABASE_URL must look like postgres://user:password@host:port/name")
        settings: dict[str, Any] = dict(env.db_url("DATABASE_URL"))
        settings["ENGINE"] = "django.db.backends.postgresql"
    elif env.str("POSTGRES_HOST", default=""):
        settings = {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": env.str("POSTGRES_HOST"),
            "PORT": env.str("POSTGRES_PORT", default="5432"),
            "USER": env.str("POSTGRES_USER", default="dvorik"),
            "PASSWORD": env.str("POSTGRES_PASSWORD", default=""),
            "NAME": env.str("POSTGRES_DB", default="dvorik"),
        }
    else:
        from core.postgres import EmbeddedServer

        settings = {"ENGINE": "django.db.backends.postgresql", **EmbeddedServer(home).django_settings()}
    # Connections stay open and statements are really prepared: together they are most of the API's speed.
    settings["CONN_MAX_AGE"] = None
    settings["CONN_HEALTH_CHECKS"] = True
    settings["OPTIONS"] = {
        **settings.get("OPTIONS", {}),
        "server_side_binding": True,
        "prepare_threshold": 2,
        "connect_timeout": 5,
        "application_name": "dvorik",
    }
    return settings


def advice_without_database() -> str | None:
    """What to do about a database that does not answer, where that is known."""
    if env.str("DATABASE_URL", default="") or env.str("POSTGRES_HOST", default=""):
        return "The server is the one of DATABASE_URL or POSTGRES_HOST: is it there, and does it let this user in?"
    from core.postgres import EmbeddedServer

    if EmbeddedServer(home()).status().ready:
        return None
    return "The embedded PostgreSQL is not running. Start it: python manage.py pg start"


def broker(home: Path) -> dict[str, Any]:
    """Celery's settings: ``REDIS_URL`` where given, else a folder of files as the broker."""
    if url := env.str("REDIS_URL", default=""):
        return {"broker_url": url, "broker_transport_options": {"visibility_timeout": 3600}}
    folder = home / "broker"
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport_options": {
            "data_folder_in": str(folder / "messages"),
            "data_folder_out": str(folder / "messages"),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.1,
        },
    }


def mail_server() -> dict[str, Any]:
    """The SMTP server of ``EMAIL_URL``: ``smtp+tls://user:password@host:587``, ``smtp+ssl://…`` or ``smtp://…``."""
    found = env.email_url("EMAIL_URL", default="smtp://127.0.0.1:25")
    security = "ssl" if found.get("EMAIL_USE_SSL") else "starttls" if found.get("EMAIL_USE_TLS") else ""
    return {
        "host": found["EMAIL_HOST"],
        "port": found["EMAIL_PORT"],
        "user": found["EMAIL_HOST_USER"] or "",
        "password": found["EMAIL_HOST_PASSWORD"] or "",
        "security": security,
    }
