"""Who may enter: users, tenants, sessions, API keys, named tokens, and the one `authenticate` for all of them."""
