"""Files: checks of paths, and tables in file formats."""
