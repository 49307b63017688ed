"""The composition root: settings become objects, objects become a process. Only this package knows everybody."""
