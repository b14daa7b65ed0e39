"""All that depends on the insides of django-q2: its worker, monitor, scheduler and Stat."""
