"""What agents and hosts did and used, beside what it cost us."""
