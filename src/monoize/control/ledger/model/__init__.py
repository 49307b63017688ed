"""What the ledger knows without a database: kinds of rows, rows as values, and how rows are sealed."""
