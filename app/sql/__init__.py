"""The database: connections, the schema and its migrations. What the tables mean is said in the rooms above."""
