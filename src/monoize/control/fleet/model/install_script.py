"""The script that makes a computer a host: POSIX sh around a few lines of Python, which the courier needs anyway.

Nothing is done before the last line was read, so half a script does nothing. What differs from host to host is one
JSON text inside of a quoted here-document, which no shell expands. The key is in no argument of any process.
"""

import json
import re
import shlex
from typing import Final

from monoize.control.fleet.model.hosts import FQDN
from monoize.control.fleet.model.installs import installer_base

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_SCRIPT: Final = """\
#!/bin/sh
# Makes this computer a host of Monoize. Needs Python 3.9 or later.
set -eu
umask 077

find_python() {
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10 python3.9; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            printf '%s\\n' "$candidate"
            return
        fi
    done
}

main() {
    python=$(find_python)
    if [ -z "$python" ]; then
        echo 'monoize: Python 3.9 or later is needed, and is not here' >&2
        exit 1
    fi
    "$python" - "$@" <<'END_OF_PYTHON'
@PROGRAM@
END_OF_PYTHON
}

main "$@"
"""

_PROGRAM: Final = """\
import hashlib, json, os, pathlib, subprocess, sys, urllib.error, urllib.parse, urllib.request

told = json.loads(@TOLD@)
sha256 = told.pop("courier_sha256")
if os.environ.get("SSL_CERT_FILE"):
    told["ca_file"] = os.environ["SSL_CERT_FILE"]

def fail(message):
    sys.exit("monoize: " + message)

class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

url = told["base_url"] + "/wrapper/download"
handlers = [NoRedirects()]
if urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost"):
    handlers.append(urllib.request.ProxyHandler({}))
request = urllib.request.Request(url, headers={"Authorization": "Bearer " + told["key"]})
try:
    with urllib.request.build_opener(*handlers).open(request, timeout=60) as answer:
        script = answer.read(16777217)
except OSError as problem:
    fail("the courier cannot be fetched: %s" % problem)
if hashlib.sha256(script).hexdigest() != sha256:
    fail("what was fetched is not the courier")

home = pathlib.Path.home() / ".monoize"
home.mkdir(mode=0o700, exist_ok=True)

def write(path, data, mode):
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "wb") as file:
        file.write(data)
    os.chmod(draft, mode)
    os.replace(draft, path)

write(home / "courier.json", json.dumps(told).encode(), 0o600)
write(home / "courier.py", script, 0o700)
courier = [sys.executable, str(home / "courier.py"), "install"]
sys.exit(subprocess.run(courier + sys.argv[1:], stdin=subprocess.DEVNULL).returncode)"""


def install_script(*, base_url: str, key: str, fqdn: str, installation_id: str, courier_sha256: str) -> str:
    """AssertionError for a value that is not what it ought to be: it would end up in somebody's shell."""
    assert installer_base(base_url) == base_url
    assert _HEX.fullmatch(key)
    assert _HEX.fullmatch(courier_sha256)
    assert _ID.fullmatch(installation_id)
    assert re.fullmatch(FQDN, fqdn)
    told = {
        "base_url": base_url,
        "key": key,
        "fqdn": fqdn,
        "installation_id": installation_id,
        "courier_sha256": courier_sha256,
    }
    # JSON of ASCII text is a text of Python, too.
    program = _PROGRAM.replace("@TOLD@", json.dumps(json.dumps(told)))
    return _SCRIPT.replace("@PROGRAM@", program)


def refusal_script(message: str, hint: str | None) -> str:
    lines = "".join(f"printf '%s\\n' {shlex.quote(line)} >&2\n" for line in (f"monoize: {message}", hint) if line)
    return f"#!/bin/sh\n{lines}exit 1\n"
