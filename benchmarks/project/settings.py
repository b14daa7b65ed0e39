"""One project for every contender: `CONTENDER` says which, `DATABASE_URL` where, `SEEN` what wrote."""

import os

import environ

CONTENDER = os.environ["CONTENDER"]
WORKERS = 2

SECRET_KEY = "of a benchmark"  # noqa: S105
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "work.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": environ.Env().db("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 0 if CONTENDER == "django-q2" else 600
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_q",
    "work",
]
Q_CLUSTER = {
    "name": "bench",
    "orm": "default",
    "workers": WORKERS,
    "timeout": 360,
    "retry": 1500,
    "save_limit": 0,  # the whole history is kept
    "ack_failures": True,
}
if CONTENDER == "behflow":
    INSTALLED_APPS.insert(0, "automation")
if CONTENDER == "celery":
    INSTALLED_APPS.append("django_celery_results")
    # As fast as Celery gets: connections are kept for so many runs.
    CELERY_DB_REUSE_MAX = 1_000_000
    CELERY_BROKER_URL = os.environ.get("REDIS_URL", "")
    CELERY_RESULT_BACKEND = "django-db"
    CELERY_TASK_ACKS_LATE = True
    CELERY_TASK_TRACK_STARTED = True  # a start and an end in the history, as the others keep
LOGGING = {"version": 1, "root": {"level": "ERROR"}, "loggers": {"django-q": {"level": "ERROR"}}}
