"""Reading and checking the audit log. Writing it is `infra/audit_log`, since every room does that."""
