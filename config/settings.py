"""
Settings, by environment only. Every variable is described in ``.env.example``.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from config.environment import (
    BASE_DIR,
    DEFAULT_SECRET_KEY,
    DUMMY_BOT_TOKEN,
    broker,
    database,
    database_owner,
    env,
    environment,
    home,
    mail_server,
    require_safe_production,
    time_limits,
    token_keys,
)
from config.rest import REST_FRAMEWORK as REST_FRAMEWORK
from config.rest import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from config.rest import VERSION as VERSION
from config.unfold import UNFOLD as UNFOLD
from core import logs

ENV = environment()
HOME = home()
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default=DEFAULT_SECRET_KEY)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Of access and refresh tokens, by their ids; the first one signs.
TOKEN_KEYS = token_keys(secret_key=SECRET_KEY, former_keys=SECRET_KEY_FALLBACKS)

# The own bot, which signs Mini App logins and confirms login tokens. Dummies for trying out: nobody has this bot.
BOT_TOKEN = env.str("BOT_TOKEN", default="" if ENV == "production" else DUMMY_BOT_TOKEN)
BOT_USERNAME = env.str("BOT_USERNAME", default="" if ENV == "production" else "dvorik_dummy_bot")
# Bots of others, by their ids, whose Mini App logins count here: Telegram signs those itself.
THIRD_PARTY_BOT_IDS: list[int] = env.list("THIRD_PARTY_BOT_IDS", cast=int, default=[])
# Telegram's Ed25519 key, in hexadecimal (core.telegram.org/bots/webapps).
TELEGRAM_PUBLIC_KEY = env.str(
    "TELEGRAM_PUBLIC_KEY", default="e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d"
)

INSTALLED_APPS = [
    # Its own site would take the place of ours (config.admin_site).
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.apps.OfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "audit",
    "accounts",
    "billing",
]

MIDDLEWARE = [
    "core.middleware.CircumstancesMiddleware",
    "core.middleware.ProblemMiddleware",
    "core.middleware.CongestionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.middleware.AdminActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Autocommit, no ATOMIC_REQUESTS: each operation opens its own transaction (core.database.operation).
DATABASES: dict[str, dict[str, Any]] = {"default": database(HOME)}
# What migrations connect with instead, where the application's role does not own its tables (core.database_roles).
DATABASE_OWNER: dict[str, str] | None = database_owner(HOME)
DATABASE_APPLICATION: dict[str, str] | None = None
if DATABASE_OWNER is not None:
    DATABASE_APPLICATION = {part: DATABASES["default"][part] for part in DATABASE_OWNER}
    if ENV == "test":
        # Tests make their database, empty it and take its guards away to show what they are for. What the
        # application's role may do, they try as that role.
        DATABASES["default"] |= DATABASE_OWNER

# Seconds that a statement may take, wait for a lock, and leave its transaction idle, by the door of the request.
TIME_LIMITS: dict[str, tuple[float, float, float]] = {
    "api": time_limits("API_TIME_LIMITS", env.str("API_TIME_LIMITS", default="5,1,10")),
    "admin": time_limits("ADMIN_TIME_LIMITS", env.str("ADMIN_TIME_LIMITS", default="30,2,30")),
    "job": time_limits("JOB_TIME_LIMITS", env.str("JOB_TIME_LIMITS", default="60,5,60")),
}
# How many requests one process of the web server serves at once; gunicorn's settings read the same variable.
WEB_THREADS: int = env.int("WEB_THREADS", default=4)

AUTH_USER_MODEL = "accounts.User"
# Whoever logs in without having been sent to do so.
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="ru")
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
FORMAT_MODULE_PATH = ["config.formats"]
# Unfold brings no translations; its words are kept apart from ours.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "unfold"]
TIME_ZONE = env.str("TIME_ZONE", default="Europe/Moscow")
USE_I18N = True
USE_TZ = True

# Files made of Admin's lists, until they are fetched or expire; web servers and workers share it.
EXPORTS_FOLDER = HOME / "exports"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Names with hashes exist only once `collectstatic` has run, as it has wherever Dvorik is installed for good.
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if ENV == "production"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

CELERY: dict[str, Any] = broker(HOME)
# How long a sent wake-up is waited for before the sweeper repeats it.
JOBS_WAKE_AGAIN_SECONDS: float = env.float("JOBS_WAKE_AGAIN_SECONDS", default=30.0)

# Where the house's bot speaks, and where operators hear of trouble: a chat, mailboxes, or neither.
TELEGRAM_API_BASE = env.str("TELEGRAM_API_BASE", default="https://api.telegram.org").rstrip("/")
ALERT_CHAT_ID = env.str("ALERT_CHAT_ID", default="")
ALERT_EMAILS: list[str] = env.list("ALERT_EMAILS", default=[])
MAIL_SERVER: dict[str, Any] = mail_server()
EMAIL_FROM = env.str("EMAIL_FROM", default="dvorik@localhost")
# Where the heads of the chains of seals are kept outside of the database: a chat, a file, or neither.
ANCHOR_CHAT_ID = env.str("ANCHOR_CHAT_ID", default="")
ANCHOR_FILE = env.str("ANCHOR_FILE", default="")

# How many proxies stand in front of the web server, or their networks; X-Forwarded-For is believed from them only.
TRUSTED_PROXIES = env.str("TRUSTED_PROXIES", default="")
# Warnings and errors are kept in the database, too. Not in tests: whatever they provoke would be written into theirs.
_KEPT_LOGS = {"system_log": {"class": "audit.system_log.SystemLogHandler"}} if ENV != "test" else {}
LOGGING = logs.configuration(env.str("LOG_LEVEL", default="INFO"), **_KEPT_LOGS)

if ENV == "production":
    require_safe_production(
        secret_key=SECRET_KEY,
        former_keys=SECRET_KEY_FALLBACKS,
        debug=DEBUG,
        allowed_hosts=ALLOWED_HOSTS,
        bot_token=BOT_TOKEN,
    )
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", default=True)
    # The health check comes from beside the process, not through the proxy.
    SECURE_REDIRECT_EXEMPT = [r"^health$"]
    SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    if env.bool("BEHIND_TLS_PROXY", default=False):
        # Only where the proxy sets this header itself: a client could claim anything.
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Preloading is a promise about the whole domain, and its owner's to make.
    SILENCED_SYSTEM_CHECKS = ["security.W021"]
