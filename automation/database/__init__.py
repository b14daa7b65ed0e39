"""What depends on PostgreSQL, SQLite or a driver; it knows no row."""
