"""How Admin is kept: its cookies, its sessions, the size of its forms, and what production asks of the connection."""

from __future__ import annotations

from typing import Final

from config.environment import env, environment, session_hours

_IN_PRODUCTION: Final = environment() == "production"
# A browser lets nobody but this very host, over https, set a cookie of such a name.
_PREFIX: Final = "__Host-" if _IN_PRODUCTION else ""

# Not Strict: a link out of a message about trouble should find its reader logged in. What writes is POST, which Lax
# does not go along with when it comes from elsewhere.
SESSION_COOKIE_NAME = f"{_PREFIX}sessionid"
SESSION_COOKIE_SECURE = _IN_PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_PREFIX}csrftoken"
CSRF_COOKIE_SECURE = _IN_PRODUCTION
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_NAME = f"{_PREFIX}language"
LANGUAGE_COOKIE_SECURE = _IN_PRODUCTION
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

# Seconds: a session ends so long after its last request, and so long after it was begun whatever happens.
SESSION_COOKIE_AGE, SESSION_LONGEST_AGE = session_hours(env.str("ADMIN_SESSION_HOURS", default="8,24"))

# Of a form, as of the API's bodies (core.api.strict_json). Files are counted at the door (core.middleware).
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

SECURE_SSL_REDIRECT = _IN_PRODUCTION and env.bool("SSL_REDIRECT", default=True)
# Those who ask come from beside the process, not through the proxy.
SECURE_REDIRECT_EXEMPT = [r"^(health|metrics)$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if _IN_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _IN_PRODUCTION
# A proxy says so, and nobody else is heard (core.middleware.CircumstancesMiddleware).
_BEHIND_TLS_PROXY = _IN_PRODUCTION and env.bool("BEHIND_TLS_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _BEHIND_TLS_PROXY else None
# Preloading is a promise about the whole domain, and its owner's to make.
SILENCED_SYSTEM_CHECKS = ["security.W021"] if _IN_PRODUCTION else []
