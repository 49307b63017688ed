"""The room of agents and their machines, a file for each noun."""
