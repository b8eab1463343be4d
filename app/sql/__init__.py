"""The database: connections, the schema and its migrations. The packages that use the tables say what they mean."""
