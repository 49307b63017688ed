"""All SQL of the room, a file for each thing that is stored. No database ever calculates with an amount."""
