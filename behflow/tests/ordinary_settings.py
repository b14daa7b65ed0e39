"""A site with work of its own for django-q2: two queues, and a cache that all its processes see.

SHARED_CACHE is its folder; Q_CLUSTER_MORE, as JSON, is added to Q_CLUSTER.
"""

import json
import os

from behflow.tests.settings import *  # noqa: F403
from behflow.tests.settings import Q_CLUSTER

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": os.environ["SHARED_CACHE"],
    }
}
Q_CLUSTER = {
    **Q_CLUSTER,
    "ALT_CLUSTERS": {"reports": {"workers": 1}},
    **json.loads(os.environ.get("Q_CLUSTER_MORE", "{}")),
}
