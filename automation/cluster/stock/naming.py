"""What django-q2 calls this node: its logger, its name, its size. Users know it by these."""

from django_q.conf import Conf, logger

__all__ = ["logger", "name", "workers"]


def name() -> str:
    """Return the name of the cluster, as in `Q_CLUSTER`."""
    return str(Conf.CLUSTER_NAME)


def workers() -> int:
    """Return how many workers `Q_CLUSTER` asks for."""
    return int(Conf.WORKERS)
