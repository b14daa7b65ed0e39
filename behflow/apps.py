from django.apps import AppConfig


class BehflowConfig(AppConfig):
    """The site itself; it is an app so that Django finds its commands."""

    name = "behflow"

    def ready(self) -> None:
        from behflow import login  # noqa: PLC0415  # models exist only now

        login.note_by_ourselves()
