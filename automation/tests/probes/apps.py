from django.apps import AppConfig


class ProbesConfig(AppConfig):
    name = "automation.tests.probes"
    label = "probes"

    def ready(self) -> None:
        from automation.tests.probes import listeners  # noqa: PLC0415

        listeners.connect()
