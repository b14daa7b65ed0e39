"""The door to django-q2's tables."""
