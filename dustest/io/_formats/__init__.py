"""Reading of tables in files of all formats."""
