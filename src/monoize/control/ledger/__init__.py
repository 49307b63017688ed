"""The book of what was charged and paid, and the only code that moves a balance."""
