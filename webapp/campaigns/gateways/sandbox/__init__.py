"""The built-in gateway: a process of its own with its own store, which behaves like a real one, and misbehaves."""
