"""Reads the environment, and refuses to start on one that is wrong or, in production, unsafe."""

import hmac
import importlib.util
import os
import re
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from core.terminal import gettext as _


class Environment(environ.Env):
    """
    Reads variables as they stand: an empty one counts as absent, and one that cannot be understood is refused by name.

    The library would take a value that begins with ``$`` for the name of another variable, and any text for a bool:
    a password may begin with ``$``, and ``DEBUG=yse`` is a mistake.
    """

    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **_other: Any) -> Any:
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
# Nobody has this bot, so that everybody can sign for it where Dvorik is tried out.
DUMMY_BOT_TOKEN = "1000000000:a-dummy-that-no-bot-has"  # noqa: S105 (refused in production)
SHORTEST_TOKEN_SECRET = 32
# Written into the installation's folder by `make run` (scripts.fakes.variables), and gone with it.
MADE_UP = "made-up.env"


def environment() -> str:
    """Which kind of installation this is: ``development``, ``test`` or ``production``."""
    name = str(env.str("ENV", default="development"))
    if name not in {"development", "test", "production"}:
        raise ImproperlyConfigured(f"ENV is {name!r}; it must be development, test or production")
    return name


def require_safe_production(
    *,
    secret_key: str,
    former_keys: list[str],
    debug: bool,
    allowed_hosts: list[str],
    bot_token: str,
    proxies_are_unknown: bool,
    webhooks_are_open: bool = False,
) -> None:
    """
    Refuse to start a production installation that is open to everybody.

    :param former_keys: with which something may still be signed
    :param proxies_are_unknown: whether a proxy is to be believed and none is named
    :param webhooks_are_open: whether they may go without TLS, or inside
    :raises ImproperlyConfigured: naming every variable that is wrong
    """
    wrong = []
    for name, keys in (("SECRET_KEY", [secret_key]), ("SECRET_KEY_FALLBACKS", former_keys)):
        if any(key == DEFAULT_SECRET_KEY or len(key) < SHORTEST_SECRET_KEY for key in keys):
            wrong.append(f"{name} is the default one or shorter than {SHORTEST_SECRET_KEY} characters")
    if bot_token == DUMMY_BOT_TOKEN:
        wrong.append("BOT_TOKEN is the dummy one")
    if debug:
        wrong.append("DEBUG is on")
    if proxies_are_unknown:
        wrong.append("BEHIND_TLS_PROXY needs TRUSTED_PROXIES: anybody could claim to be that proxy")
    if webhooks_are_open:
        wrong.append("WEBHOOK_ALLOW_HTTP or WEBHOOK_ALLOW_PRIVATE is on")
    if not allowed_hosts or any(host.strip() in {"*", "."} for host in allowed_hosts):
        wrong.append("ALLOWED_HOSTS is empty or a wildcard; name the hosts")
    if wrong:
        raise ImproperlyConfigured(f"ENV=production refuses to start: {'; '.join(wrong)}.")


def token_keys(*, secret_key: str, former_keys: list[str]) -> dict[str, str]:
    """
    The secrets of access and refresh tokens by their ids, the one that signs first: ``TOKEN_KEYS`` as
    ``id:secret,id:secret``, else such as follow from ``SECRET_KEY`` and its fallbacks.

    :raises ImproperlyConfigured: an id is malformed or stands twice, or a secret is short
    """
    keys: dict[str, str] = {}
    for pair in env.list("TOKEN_KEYS", default=[]):
        name, _colon, secret = str(pair).strip().partition(":")
        if not re.fullmatch(r"[\w.-]{1,40}", name, re.ASCII) or name in keys or len(secret) < SHORTEST_TOKEN_SECRET:
            raise ImproperlyConfigured(
                "TOKEN_KEYS must look like id:secret,id:secret, with ids that differ and secrets of "
                f"{SHORTEST_TOKEN_SECRET} characters or more"
            )
        keys[name] = secret
    # The name must tell keys apart and nothing about them.
    return keys or {
        hmac.digest(key.encode(), b"dvorik kid", "sha256").hex()[:8]: key for key in [secret_key, *former_keys]
    }


def trial_keys(*, secret_key: str, former_keys: list[str]) -> list[str]:
    """
    By what is kept who has had a trial, the key for new ones first: ``TRIAL_KEYS``, else ``SECRET_KEY`` and its
    fallbacks. One that is dropped lets those whom it knew, and who were erased since, try once more.

    :raises ImproperlyConfigured: a key is short
    """
    keys = [str(key).strip() for key in env.list("TRIAL_KEYS", default=[])]
    if any(len(key) < SHORTEST_TOKEN_SECRET for key in keys):
        raise ImproperlyConfigured(f"TRIAL_KEYS must be keys of {SHORTEST_TOKEN_SECRET} characters or more")
    return keys or [secret_key, *former_keys]


def home() -> Path:
    """Where the installation keeps its data: ``DVORIK_HOME``, or ``var/`` beside the code."""
    return Path(env.str("DVORIK_HOME", default="") or BASE_DIR / "var").expanduser().resolve()


def adopt_made_up(home: Path) -> None:
    """
    Let a command beside ``make run`` speak to the made-up services that it started, as its web server does: what stands
    in ``made-up.env`` and nowhere else. Only where Dvorik is developed or tried out.
    """
    if environment() == "development":
        environ.Env.read_env(home / MADE_UP)


def database(home: Path) -> dict[str, Any]:
    """
    Django's connection settings, as the application's role: ``DATABASE_URL``, else ``POSTGRES_*``, else the embedded
    server.
    """
    if env.str("DATABASE_URL", default=""):
        settings = _by_url("DATABASE_URL")
    elif env.str("POSTGRES_HOST", default=""):
        settings = {
            "HOST": env.str("POSTGRES_HOST"),
            "PORT": env.str("POSTGRES_PORT", default="5432"),
            "USER": env.str("POSTGRES_USER", default="dvorik"),
            "PASSWORD": env.str("POSTGRES_PASSWORD", default=""),
            "NAME": env.str("POSTGRES_DB", default="dvorik"),
        }
    else:
        from core.postgres import EmbeddedServer

        settings = dict(EmbeddedServer(home).django_settings())
    settings["ENGINE"] = "django.db.backends.postgresql"
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


def database_owner(home: Path) -> dict[str, str] | None:
    """
    What of the connection settings is another when migrations connect, as the owner of the tables; None where one role
    does both.

    :raises ImproperlyConfigured: ``DATABASE_OWNER_URL`` names another database
    """
    if env.str("DATABASE_OWNER_URL", default=""):
        owner, application = _by_url("DATABASE_OWNER_URL"), database(home)
        if owner["NAME"] != application["NAME"]:
            raise ImproperlyConfigured("DATABASE_OWNER_URL names another database than DATABASE_URL")
        return {part: owner[part] for part in ("HOST", "PORT", "USER", "PASSWORD")}
    if env.str("DATABASE_URL", default="") or env.str("POSTGRES_HOST", default=""):
        user = env.str("POSTGRES_OWNER_USER", default="")
        return {"USER": user, "PASSWORD": env.str("POSTGRES_OWNER_PASSWORD", default="")} if user else None
    from core.postgres import EmbeddedServer

    return EmbeddedServer(home).owner_settings()


def _by_url(variable: str) -> dict[str, Any]:
    if not str(env.str(variable)).startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(f"{variable} must look like postgres://user:password@host:port/name")
    return dict(env.db_url(variable))


def advice_without_database() -> str | None:
    """What to do about a database that does not answer, where that is known, in the terminal's language."""
    if env.str("DATABASE_URL", default="") or env.str("POSTGRES_HOST", default=""):
        return _("The server is the one of DATABASE_URL or POSTGRES_HOST: is it there, and does it let this user in?")
    from core.postgres import EmbeddedServer

    if EmbeddedServer(home()).status().ready:
        return None
    return _("The embedded PostgreSQL is not running. Start it: python manage.py pg start")


def time_limits(variable: str, text: str) -> tuple[float, ...]:
    """
    Numbers of seconds, separated by commas: for a statement, for a lock, for an idle transaction and, if there is a
    fourth one, for a transaction in all; 0 is no limit.

    :param variable: where ``text`` was read
    :raises ImproperlyConfigured: they are something else
    """
    try:
        limits = tuple(float(part) for part in text.split(","))
    except ValueError:
        limits = ()
    # A limit of less than a millisecond would be none to PostgreSQL.
    if len(limits) not in {3, 4} or not all(each == 0 or 0.001 <= each <= 86_400 for each in limits):
        raise ImproperlyConfigured(
            f"{variable} is {text!r}; it must be three or four numbers of seconds, like 5,1,10 or 5,1,10,30"
        )
    return limits


def session_hours(text: str) -> tuple[int, int]:
    """
    For how long somebody may be idle in Admin, and for how long they stay logged in at most: seconds, from two numbers
    of hours.

    :raises ImproperlyConfigured: they are something else
    """
    try:
        idle, longest = (round(float(part) * 3600) for part in text.split(","))
    except (ValueError, OverflowError):
        idle = longest = 0
    if not 60 <= idle <= longest <= 366 * 86_400:
        raise ImproperlyConfigured(
            f"ADMIN_SESSION_HOURS is {text!r}; it must be two numbers of hours, like 8,24: idle, and at most"
        )
    return idle, longest


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


def metrics_token() -> str:
    """
    With what Prometheus shows that it may ask; empty where nobody may.

    :raises ImproperlyConfigured: it could be guessed, or cannot stand in a header
    """
    token = str(env.str("METRICS_TOKEN", default=""))
    if token and not re.fullmatch(rf"[!-~]{{{SHORTEST_TOKEN_SECRET},}}", token):
        raise ImproperlyConfigured(
            f"METRICS_TOKEN must have {SHORTEST_TOKEN_SECRET} characters or more, of ASCII and without spaces"
        )
    return token


def webhook_secret(variable: str) -> str:
    """
    What Telegram shows with each update of a bot; empty where no updates are taken in.

    :raises ImproperlyConfigured: Telegram would not take it
    """
    secret = str(env.str(variable, default=""))
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret):
        raise ImproperlyConfigured(f"{variable} must have 16 to 256 characters, of A-Z, a-z, 0-9, _ and -")
    return secret


def limits_redis() -> str:
    """
    The Redis in which frequent limits are counted: ``LIMITS_REDIS_URL``; empty for none.

    :raises ImproperlyConfigured: it is no Redis, or the package that speaks to one is not installed
    """
    url = str(env.str("LIMITS_REDIS_URL", default=""))
    if not url:
        return ""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("LIMITS_REDIS_URL must look like redis://host:port/number")
    if importlib.util.find_spec("redis") is None:
        raise ImproperlyConfigured("LIMITS_REDIS_URL needs the package redis, which is not installed")
    return url


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
