"""What may be changed in requests and answers on their way: which transforms there are, and what each is told."""
