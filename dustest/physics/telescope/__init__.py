"""Light through a telescope: point-spread functions, and noise of mosaics."""
