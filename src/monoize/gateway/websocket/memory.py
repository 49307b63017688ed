"""How much the conversations of all connections together may keep."""


class Memory:
    def __init__(self, most: int) -> None:
        self._left = most

    def exchange(self, old: int, new: int) -> bool:
        """Whether there is room for `new` bytes in place of `old`; if not, the old ones are still taken."""
        if new - old > self._left:
            return False
        self._left -= new - old
        return True
