from django.apps import AppConfig


class BehflowConfig(AppConfig):
    """The site itself: an app for the sake of its commands."""

    name = "behflow"
