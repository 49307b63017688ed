"""Foreign systems of the room: mail servers and sign-in providers."""
