"""What the room reads that is not in the database, a file for each."""
