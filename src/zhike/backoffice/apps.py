"""The Django application that holds the operational store."""

from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    """One application, one label."""

    name = "zhike.backoffice"
    label = "backoffice"
