import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success, Task

pytestmark = pytest.mark.django_db

MODELS = [Schedule, OrmQ, Success, Failure]


def page(model, name: str, *args) -> str:
    return reverse(f"admin:django_q_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_page_of_django_q_can_be_read_and_not_written(admin_client, model):
    assert model in admin.site._registry
    assert admin_client.get(page(model, "changelist")).status_code == 200
    assert admin_client.get(page(model, "add")).status_code == 403


def test_schedule_cannot_be_made_to_run_another_function(admin_client):
    row = Schedule.objects.create(func="builtins.print", next_run=timezone.now())
    url = page(Schedule, "change", row.pk)

    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, {"func": "os.system"}).status_code == 403
    assert admin_client.post(page(Schedule, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_failed_task_cannot_be_sent_to_the_workers_again(admin_client):
    now = timezone.now()
    failure = Task.objects.create(
        id="1", name="old", func="os.system", started=now, stopped=now, success=False
    )

    admin_client.post(
        page(Failure, "changelist"),
        {"action": "resubmit_task", "_selected_action": [failure.pk]},
    )

    assert not OrmQ.objects.exists()
    assert Failure.objects.count() == 1
