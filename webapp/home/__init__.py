"""The first page: what runs, what waits, what is left. It only reads, from every feature."""
