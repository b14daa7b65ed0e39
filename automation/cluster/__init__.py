"""The running qcluster: the door to django-q2's processes."""
