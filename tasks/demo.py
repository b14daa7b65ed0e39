"""Demo data: a few people and some two hundred tasks, a good part of them overdue."""

from datetime import date, datetime, time, timedelta, tzinfo
from random import Random

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from tasks.models import Priority, Task, TaskStatus

#: A domain that nobody has (RFC 2606): a user with an address in it was made by Behflow itself.
DOMAIN = "behflow.invalid"

TAG = "demo"
TASKS = 200

_PEOPLE = {
    "sara": ("Sara", "Ahmadi"),
    "reza": ("Reza", "Karimi"),
    "leila": ("Leila", "Moradi"),
    "omid": ("Omid", "Rahimi"),
    "anna": ("Anna", "Weber"),
}
_VERBS = ("Review", "Prepare", "Send", "Check", "Update", "Discuss", "File", "Plan", "Renew")
_THINGS = (
    "the quarterly report",
    "the supplier contract",
    "invoice 4711",
    "the travel plan",
    "the release notes",
    "the budget",
    "the office lease",
    "the training list",
    "the backup of the archive",
    "بودجهٔ سال نو",
    "the insurance policy",
)
_STATUSES = {
    TaskStatus.PENDING: 9,
    TaskStatus.IN_PROGRESS: 5,
    TaskStatus.COMPLETED: 4,
    TaskStatus.CANCELLED: 2,
}
_PRIORITIES = tuple(Priority)


def is_loaded() -> bool:
    return Task.objects.filter(tags=TAG).exists()


def strangers() -> str:
    """Return what is neither demo data nor the first user, in words; "" for nothing."""
    users = get_user_model().objects.exclude(email__endswith=f"@{DOMAIN}").count()
    tasks = Task.objects.exclude(tags=TAG).count()
    held = {"user": users, "task": tasks}
    return " and ".join(
        f"{count} {what}{'s' if count > 1 else ''}" for what, count in held.items() if count
    )


def load() -> int:
    """Create the people and their tasks around today; return how many tasks."""
    random, zone = Random(20), timezone.get_default_timezone()  # noqa: S311  # the same for everyone
    today = timezone.now().astimezone(zone).date()
    people = [_person(name, *full_name) for name, full_name in _PEOPLE.items()]
    tasks = [_task(number, random, people, today, zone) for number in range(TASKS)]
    return len(Task.objects.bulk_create(tasks))


def _person(username: str, first_name: str, last_name: str) -> User:
    # No password: demo people cannot log in.
    return User.objects.create_user(
        username, f"{username}@{DOMAIN}", first_name=first_name, last_name=last_name
    )


def _task(number: int, random: Random, people: list[User], today: date, zone: tzinfo) -> Task:
    days = random.choice([-30, -12, -7, -5, -3, -3, -2, -2, -1, -1, -1, 0, 0, 0, 1, 2, 5, 9])
    clock = time(random.randrange(7, 20), random.choice([0, 0, 15, 30, 45]))
    (status,) = random.choices(list(_STATUSES), list(_STATUSES.values()))
    due_at = datetime.combine(today + timedelta(days=days), clock, tzinfo=zone)
    return Task(
        owner=people[number % len(people)],
        name=f"{random.choice(_VERBS)} {random.choice(_THINGS)}",
        status=status,
        priority=random.choice(_PRIORITIES),
        due_at=due_at,
        keep_due_date=random.random() < 0.05,
        tags=TAG,
        completed_at=timezone.now() if status == TaskStatus.COMPLETED else None,
    )
