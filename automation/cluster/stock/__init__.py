"""All of the cluster that leans on the insides of django-q2: its worker, monitor, scheduler and Stat."""
