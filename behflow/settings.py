"""Settings of the Behflow site, from the environment (and `.env`) alone.

`.env.example` lists every variable with its default.
"""

from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy

from behflow import environment

BASE_DIR = Path(__file__).resolve().parent.parent
environment.load(BASE_DIR / ".env")

SECRET_KEY = environment.secret("SECRET_KEY")
DEBUG = environment.flag("DEBUG", "off")
HTTPS = environment.flag("HTTPS", "off")
SITE_URL = environment.address("SITE_URL", "http://127.0.0.1:8000")
_site = urlsplit(SITE_URL)

# The site's own address is always one it answers to.
ALLOWED_HOSTS = [
    *environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
    str(_site.hostname),
]
CSRF_TRUSTED_ORIGINS = [
    *environment.addresses("CSRF_TRUSTED_ORIGINS"),
    f"{_site.scheme}://{_site.netloc}",
]

INSTALLED_APPS = [
    "behflow",
    "automation",  # Before django_q: its qcluster command is the one that runs.
    "tasks",
    "django_q",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "behflow.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "behflow.middleware.DatabaseBusyMiddleware",
]

ROOT_URLCONF = "behflow.urls"
WSGI_APPLICATION = "behflow.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

# Database

_database: dict[str, Any] = environment.database(
    "DATABASE_URL", "sqlite:///behflow.sqlite3", BASE_DIR
)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # WAL lets pages be read while a process writes; IMMEDIATE takes the write lock at the start
    # of a transaction, where waiting for it is safe, instead of in the middle, where it fails.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # Logging in does not wait for a run.
    SESSION_ENGINE = "behflow.sessions"
    # The tests' database is a file too, so that they can race with real connections.
    _database["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}
else:
    _database["CONN_HEALTH_CHECKS"] = True
    # Server-side cursors would be lost behind a pooler that lends connections by the transaction.
    _database["DISABLE_SERVER_SIDE_CURSORS"] = True
DATABASES = {"default": _database}

# Time and language

TIME_ZONE = BEHFLOW_TIMEZONE = environment.zone("BEHFLOW_TIMEZONE", "Asia/Tehran")
USE_TZ = True
LANGUAGE_CODE = "en"
# The languages that every page is translated into: another one would mix with English.
LANGUAGES = [("en", gettext_lazy("English")), ("fa", gettext_lazy("Persian"))]
USE_I18N = True
# Besides the folders of the apps: makemessages keeps the texts of templates/ here.
LOCALE_PATHS = [BASE_DIR / "behflow" / "locale"]

# Static files come straight from the apps' folders: nothing to collect before a start.

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

# Security

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# HSTS for every subdomain, and for ever by preload list, is for a domain's owner to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Logging

_level = environment.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "automation.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(run)s%(message)s",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "level": _level}
    },
    "root": {"handlers": ["console"], "level": _level},
}

# Mail: notices of processes that failed, and of their recovery

globals().update(environment.mail_server("EMAIL_URL", "consolemail://", BASE_DIR))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.sender("DEFAULT_FROM_EMAIL", "behflow@localhost")

# The main job

RESCHEDULE_HOUR = environment.number("RESCHEDULE_HOUR", 7, 0, 23)
RESCHEDULE_MINUTE = environment.number("RESCHEDULE_MINUTE", 30, 0, 59)

# The engine and its workers

_time_limit = environment.number("DEFAULT_TIME_LIMIT", 300, 1, 86_400)  # seconds
AUTOMATION = {
    "TIME_ZONE": BEHFLOW_TIMEZONE,
    "DEFAULT_TIME_LIMIT": _time_limit,
    "STOP_GRACE": environment.optional_number("STOP_GRACE", 0, 86_400),  # seconds
    "SITE_URL": SITE_URL,
    "NOTIFY_EMAILS": environment.email_addresses("NOTIFY_EMAILS"),
    "HEARTBEAT_URL": environment.optional_address("HEARTBEAT_URL"),
    "RELEASE": environment.text("RELEASE") or environment.revision(BASE_DIR),
}

_workers = environment.number("WORKERS", 2, 1, 64)
_queue_limit = 1
_timeout = _time_limit + 60  # For a message of django-q2; the runner's own limit comes first.
Q_CLUSTER = {
    "name": "behflow",
    "label": gettext_lazy("Queue (django-q2)"),
    "orm": "default",
    "workers": _workers,
    "queue_limit": _queue_limit,
    "bulk": 1,
    "timeout": _timeout,
    # Longer than a message can wait before its worker takes it, and be worked on.
    "retry": (_timeout + 3) * (1 + ceil((_queue_limit + 1) / _workers)) + 1,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "save_limit": 250,
}
