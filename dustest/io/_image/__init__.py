"""Reading of images: extensions, pixels and cutouts."""
