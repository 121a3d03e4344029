"""Tools on exported files."""
