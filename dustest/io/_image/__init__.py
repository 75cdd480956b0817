"""Images: extensions, pixels and cutouts."""
