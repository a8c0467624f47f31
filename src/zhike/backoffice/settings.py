"""Django's settings for the operational store. There is no web here yet: models, migrations, transactions.

The path of the database comes from ``ZHIKE_STORE`` or from :func:`zhike.backoffice.setup.open_store`.
"""

import os
from pathlib import Path

SECRET_KEY = "unused: no sessions, no signing, no web"  # noqa: S105 - nothing is signed with it
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["zhike.backoffice"]
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("ZHIKE_STORE", str(Path.cwd() / ".zhike" / "store.sqlite3")),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
        },
    }
}
