"""Where a text may be cut so that no value is cut in two: what comes after a cut is looked through by itself, with
the same findings as in the whole.

No detector looks beyond the end of a line, nor past a plain word of small letters, except the few that stand within
values, nor past a mark that ends a clause in Chinese or Japanese. A private key goes on over lines until it ends.
"""

import re
from typing import Final

from monoize.base.personal_data.secrets import PRIVATE_KEY_BEGIN, private_keys

_CUT: Final = re.compile(
    r"[\n。，、！？；：」』]"
    r"|(?<!\S)(?P<word>[a-zß-öø-ÿ]{1,30}(?:['’-][a-zß-öø-ÿ]{1,30}){0,2})[.,;!?)\]\"'»”]{0,3}[ \t]{1,4}(?=[^\s=:])"
)
_WRITTEN: Final = """
    phone telephone tel mobile cell call fax whatsapp handy telefon mobil rufnummer number no nr is me at on us
    von van der den de da di del dos la le bin al el zu name heiße heisse ist m'appelle m’appelle llamo
    signed regards called bis ter rue avenue boulevard place chemin allée impasse quai du des les
    bearer basic password passphrase passwort lautet
"""
_WITHIN_VALUES: Final = frozenset(_WRITTEN.split())

WORD_MOST: Final = 128
"""How far back from its end a cut is recognised."""


def last_cut(text: str, since: int = 0) -> int:
    """Behind the last one; 0 if there is none. Before `since` there are none that count."""
    found = _last(text, since)
    if PRIVATE_KEY_BEGIN in text:
        for start, end in reversed([*private_keys(text)]):
            if start < found and (end is None or found < end):
                found = _last(text[:start], 0)
    return found


def _last(text: str, since: int) -> int:
    found = 0
    for cut in _CUT.finditer(text, max(0, since)):
        if cut["word"] not in _WITHIN_VALUES:
            found = cut.end()
    return found
