"""Celery's side."""

from celery import Celery

from work.job import job as do

app = Celery("bench")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="job")
def job() -> None:
    do()
