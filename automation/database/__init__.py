"""Everything that depends on PostgreSQL, SQLite or a driver; no model is known here."""
