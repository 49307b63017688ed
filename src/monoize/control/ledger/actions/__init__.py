"""The verbs of the room. Whatever moves money goes through `book`."""
