"""Mails about failures, silences and recoveries: what they say, and how they are sent."""
