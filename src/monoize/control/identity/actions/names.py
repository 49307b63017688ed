"""What people call those whom rows know by id; whoever is gone has no name. Callers may see what they ask for."""

from monoize.control.identity.store.names import of_keys, of_tenants, of_users

__all__ = ["of_keys", "of_tenants", "of_users"]
