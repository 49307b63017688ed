"""The room of the fleet, a file for each noun."""
