"""The built-in gateway: a process of its own with its own store, behaving like a real one, or misbehaving."""
