"""The verbs of the room, a file for each noun. Each changes things inside the caller's `Change`."""
