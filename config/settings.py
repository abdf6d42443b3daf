"""
Settings, by environment only. Every variable is described in ``.env.example``.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from config.environment import (
    BASE_DIR,
    DEFAULT_SECRET_KEY,
    DUMMY_BOT_TOKEN,
    adopt_made_up,
    broker,
    database,
    database_owner,
    env,
    environment,
    home,
    limits_redis,
    mail_server,
    metrics_token,
    require_safe_production,
    time_limits,
    token_keys,
    trial_keys,
    webhook_secret,
)
from config.rest import REST_FRAMEWORK as REST_FRAMEWORK
from config.rest import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from config.rest import VERSION as VERSION
from config.security import CSRF_COOKIE_HTTPONLY as CSRF_COOKIE_HTTPONLY
from config.security import CSRF_COOKIE_NAME as CSRF_COOKIE_NAME
from config.security import CSRF_COOKIE_SAMESITE as CSRF_COOKIE_SAMESITE
from config.security import CSRF_COOKIE_SECURE as CSRF_COOKIE_SECURE
from config.security import DATA_UPLOAD_MAX_MEMORY_SIZE as DATA_UPLOAD_MAX_MEMORY_SIZE
from config.security import DATA_UPLOAD_MAX_NUMBER_FIELDS as DATA_UPLOAD_MAX_NUMBER_FIELDS
from config.security import LANGUAGE_COOKIE_HTTPONLY as LANGUAGE_COOKIE_HTTPONLY
from config.security import LANGUAGE_COOKIE_NAME as LANGUAGE_COOKIE_NAME
from config.security import LANGUAGE_COOKIE_SAMESITE as LANGUAGE_COOKIE_SAMESITE
from config.security import LANGUAGE_COOKIE_SECURE as LANGUAGE_COOKIE_SECURE
from config.security import SECURE_HSTS_INCLUDE_SUBDOMAINS as SECURE_HSTS_INCLUDE_SUBDOMAINS
from config.security import SECURE_HSTS_SECONDS as SECURE_HSTS_SECONDS
from config.security import SECURE_PROXY_SSL_HEADER as SECURE_PROXY_SSL_HEADER
from config.security import SECURE_REDIRECT_EXEMPT as SECURE_REDIRECT_EXEMPT
from config.security import SECURE_SSL_REDIRECT as SECURE_SSL_REDIRECT
from config.security import SESSION_COOKIE_AGE as SESSION_COOKIE_AGE
from config.security import SESSION_COOKIE_HTTPONLY as SESSION_COOKIE_HTTPONLY
from config.security import SESSION_COOKIE_NAME as SESSION_COOKIE_NAME
from config.security import SESSION_COOKIE_SAMESITE as SESSION_COOKIE_SAMESITE
from config.security import SESSION_COOKIE_SECURE as SESSION_COOKIE_SECURE
from config.security import SESSION_LONGEST_AGE as SESSION_LONGEST_AGE
from config.security import SILENCED_SYSTEM_CHECKS as SILENCED_SYSTEM_CHECKS
from config.unfold import UNFOLD as UNFOLD
from core import logs, sentry

ENV = environment()
HOME = home()
adopt_made_up(HOME)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default=DEFAULT_SECRET_KEY)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Of access and refresh tokens, by their ids; the first one signs.
TOKEN_KEYS = token_keys(secret_key=SECRET_KEY, former_keys=SECRET_KEY_FALLBACKS)
TRIAL_KEYS = trial_keys(secret_key=SECRET_KEY, former_keys=SECRET_KEY_FALLBACKS)

# Whether staff must show a code of a phone besides their password. Who has set one up is always asked for it.
REQUIRE_STAFF_2FA = env.bool("REQUIRE_STAFF_2FA", default=ENV == "production")

# The own bot, which signs Mini App logins and confirms login tokens. Dummies for trying out: nobody has this bot.
BOT_TOKEN = env.str("BOT_TOKEN", default="" if ENV == "production" else DUMMY_BOT_TOKEN)
BOT_WEBHOOK_SECRET = webhook_secret("BOT_WEBHOOK_SECRET")
# The bot in which people confirm their logins, where it is another one.
AUTH_BOT_TOKEN = env.str("AUTH_BOT_TOKEN", default="")
AUTH_BOT_WEBHOOK_SECRET = webhook_secret("AUTH_BOT_WEBHOOK_SECRET")
# How others reach this installation: https://office.example
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
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
    "messaging",
    "billing",
]

MIDDLEWARE = [
    "core.middleware.CircumstancesMiddleware",
    "core.middleware.HeadersMiddleware",
    # Above what writes answers anew, which would lose its Strict-Transport-Security.
    "django.middleware.security.SecurityMiddleware",
    "core.middleware.ProblemMiddleware",
    "core.middleware.CongestionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.admin.sessions.AdminSessionMiddleware",
    "core.middleware.AdminActorMiddleware",
    "core.admin.marks.VisibleMarksMiddleware",
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

# Seconds that a statement may take, wait for a lock, and leave its transaction idle, and that a transaction may take in
# all, by the door of the request. Tests ask for limits where they mean them: they keep requests waiting on purpose, and
# some have no database at all.
_LIMITS = {"api": "5,1,10,30", "admin": "30,2,30,120", "job": "60,5,60,1800"}
if ENV == "test":
    _LIMITS = dict.fromkeys(_LIMITS, "0,0,0,0")
TIME_LIMITS: dict[str, tuple[float, ...]] = {
    "api": time_limits("API_TIME_LIMITS", env.str("API_TIME_LIMITS", default=_LIMITS["api"])),
    "admin": time_limits("ADMIN_TIME_LIMITS", env.str("ADMIN_TIME_LIMITS", default=_LIMITS["admin"])),
    "job": time_limits("JOB_TIME_LIMITS", env.str("JOB_TIME_LIMITS", default=_LIMITS["job"])),
}
# How many requests one process of the web server serves at once; gunicorn's settings read the same variable.
WEB_THREADS: int = env.int("WEB_THREADS", default=4)

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.StaffBackend"]
# Whoever logs in without having been sent to do so.
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if ENV == "test":
    # The same with little work: most tests log somebody in and are about something else.
    PASSWORD_HASHERS[0] = "core.tests.hashing.QuickHasher"
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
# Unfold brings no translations, and those of others have gaps; their words are kept apart from ours.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "unfold", BASE_DIR / "locale" / "drf"]
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

# Where frequent limits are counted (core.limits); without it in PostgreSQL and in the processes.
LIMITS_REDIS_URL = limits_redis()

# Where the house's bot speaks, and where operators hear of trouble: a chat, mailboxes, or neither.
_TELEGRAM = "https://api.telegram.org"
TELEGRAM_API_BASE = env.str("TELEGRAM_API_BASE", default=_TELEGRAM).rstrip("/")
# Payment providers, each with what it needs; one without its credentials is not offered.
TELEGRAM_PROVIDER_TOKEN = env.str("TELEGRAM_PROVIDER_TOKEN", default="")
YOOKASSA_API_BASE = env.str("YOOKASSA_API_BASE", default="https://api.yookassa.ru/v3").rstrip("/")
YOOKASSA_SHOP_ID = env.str("YOOKASSA_SHOP_ID", default="")
YOOKASSA_SECRET_KEY = env.str("YOOKASSA_SECRET_KEY", default="")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com").rstrip("/")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
# The one in force, and during a rotation the former one.
STRIPE_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_WEBHOOK_SECRET", default=[])
# Only a made-up Telegram has the dummy bot.
_HAS_BOT = bool(BOT_TOKEN) and (BOT_TOKEN != DUMMY_BOT_TOKEN or TELEGRAM_API_BASE != _TELEGRAM)
PAYMENT_PROVIDERS: dict[str, bool] = {
    "telegram_stars": _HAS_BOT,
    "telegram": _HAS_BOT and bool(TELEGRAM_PROVIDER_TOKEN),
    "yookassa": bool(YOOKASSA_SHOP_ID and YOOKASSA_SECRET_KEY),
    "stripe": bool(STRIPE_SECRET_KEY),
}
# Whether what a provider calls a test payment buys something here.
PAYMENTS_ACCEPT_TEST = env.bool("PAYMENTS_ACCEPT_TEST", default=False)

ALERT_CHAT_ID = env.str("ALERT_CHAT_ID", default="")
ALERT_EMAILS: list[str] = env.list("ALERT_EMAILS", default=[])
MAIL_SERVER: dict[str, Any] = mail_server()
EMAIL_FROM = env.str("EMAIL_FROM", default="dvorik@localhost")
# Where the heads of the chains of seals are kept outside of the database: a chat, a file, or neither.
ANCHOR_CHAT_ID = env.str("ANCHOR_CHAT_ID", default="")
ANCHOR_FILE = env.str("ANCHOR_FILE", default="")

# What webhooks may be sent to, outside production: addresses without TLS, and such as lead inside, on any port.
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)

# How many proxies stand in front of the web server, or their networks; X-Forwarded-For is believed from them only.
TRUSTED_PROXIES = env.str("TRUSTED_PROXIES", default="")
# Warnings and errors are kept in the database, too. Not in tests: whatever they provoke would be written into theirs.
_KEPT_LOGS = {"system_log": {"class": "audit.system_log.SystemLogHandler"}} if ENV != "test" else {}
SENTRY_DSN = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    sentry.start(dsn=SENTRY_DSN, environment=env.str("SENTRY_ENVIRONMENT", default=ENV), release=VERSION)
    _KEPT_LOGS |= {"sentry": {"class": "core.sentry.SentryHandler"}}
LOGGING = logs.configuration(env.str("LOG_LEVEL", default="INFO"), **_KEPT_LOGS)

# Whether the API's document and its page are shown.
API_DOCS = env.bool("API_DOCS", default=True)

# With which Prometheus reads /metrics; empty for nobody.
METRICS_TOKEN = metrics_token()

if ENV == "production":
    require_safe_production(
        secret_key=SECRET_KEY,
        former_keys=SECRET_KEY_FALLBACKS,
        debug=DEBUG,
        allowed_hosts=ALLOWED_HOSTS,
        bot_token=BOT_TOKEN,
        webhooks_are_open=WEBHOOK_ALLOW_HTTP or WEBHOOK_ALLOW_PRIVATE,
        proxies_are_unknown=SECURE_PROXY_SSL_HEADER is not None and not TRUSTED_PROXIES.strip(" 0"),
    )
