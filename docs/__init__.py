"""The manual, and the tables in it that are derived from the definitions."""
