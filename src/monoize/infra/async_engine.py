"""SQLAlchemy's asyncio engine without its ORM, which nothing here uses.

`sqlalchemy.ext.asyncio` imports the ORM for its session classes: a quarter of a second, an eighth of a whole start.
So the engine's module is imported alone, under a package that is empty for that moment; whoever imports
`sqlalchemy.ext.asyncio` later gets the real one.
"""

import importlib.util
import sys
import types
from typing import Final

_PACKAGE: Final = "sqlalchemy.ext.asyncio"

if _PACKAGE not in sys.modules:
    _spec = importlib.util.find_spec(_PACKAGE)
    assert _spec is not None
    _empty = types.ModuleType(_PACKAGE)
    _empty.__path__ = list(_spec.submodule_search_locations or ())
    sys.modules[_PACKAGE] = _empty
    try:
        from sqlalchemy.ext.asyncio.engine import AsyncConnection, AsyncEngine, create_async_engine
    finally:
        del sys.modules[_PACKAGE]
else:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

__all__ = ["AsyncConnection", "AsyncEngine", "create_async_engine"]
