"""The script that hands the login of a computer over to a pool: POSIX sh, to be piped into a shell. Pure."""

import shlex
from typing import Final

from monoize.control.fleet.model.tools import Tool

_SCRIPT: Final = """\
#!/bin/sh
# Hands the login of this computer over to Monoize, once.
set -eu
umask 077

fail() {
    printf 'monoize: %s\\n' "$1" >&2
    exit 1
}

main() {
    file="$HOME"/@FILE@
    [ -f "$file" ] || fail "$file is not here: log in first"
    answer=$(mktemp)
    trap 'rm -f "$answer"' EXIT
    # The address is told by stdin: everybody may read the arguments of a process.
    status=$(printf 'url = "%s"\\n' @URL@ | curl -sS -K - -o "$answer" -w '%{http_code}' \\
        -H 'content-type: application/json' --data-binary @"$file") || fail 'the server cannot be reached'
    if [ "$status" != 200 ]; then
        cat "$answer" >&2
        fail "the login was not taken (HTTP $status)"
    fi
    echo 'monoize: the login was handed over'
}

main "$@"
"""


def seed_script(url: str, tool: Tool) -> str:
    file = shlex.quote(tool.file.removeprefix("~/"))
    return _SCRIPT.replace("@FILE@", file).replace("@URL@", shlex.quote(url))
