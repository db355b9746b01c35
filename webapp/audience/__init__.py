"""Lists, recipients and their import."""
