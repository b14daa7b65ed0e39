"""The only way to django-q2's tables: messages and Schedule rows."""
