"""An object store that speaks S3: lists of one bucket, page by page, for who signs rightly."""

import datetime as dt
import hashlib
import hmac
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-test-1"


class FakeObjectStore:
    """`fails_on_page` answers an error there, as `fails_with` says."""

    def __init__(self, bucket: str = "photos", page: int = 1_000) -> None:
        self.bucket, self.page = bucket, page
        self.objects: dict[str, int] = {}
        self.fails_on_page: int | None = None
        self.fails_with = (503, "<Error><Code>SlowDown</Code></Error>")
        self.asked: list[dict[str, str]] = []
        self.app = Starlette(routes=[Route("/{bucket}", self._list)])

    async def _list(self, request: Request) -> Response:
        self.asked.append(dict(request.query_params))
        if not _is_signed(request):
            return _xml("<Error><Code>SignatureDoesNotMatch</Code></Error>", 403)
        if request.path_params["bucket"] != self.bucket:
            return _xml("<Error><Code>NoSuchBucket</Code></Error>", 404)
        after = request.query_params.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(request.query_params.get("prefix", "")))
        most = min(self.page, int(request.query_params["max-keys"]))
        begin = int(after.removeprefix("after/")) if after else 0
        if self.fails_on_page is not None and begin // most == self.fails_on_page:
            return _xml(self.fails_with[1], self.fails_with[0])
        shown = keys[begin : begin + most]
        more = begin + most < len(keys)
        return _xml(
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            + "".join(map(self._content, shown))
            + (f"<NextContinuationToken>after/{begin + most}</NextContinuationToken>" if more else "")
            + "</ListBucketResult>"
        )

    def _content(self, key: str) -> str:
        size = self.objects[key]
        return (
            f"<Contents><Key>{escape(quote(key))}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{size:032x}&quot;</ETag><Size>{size}</Size></Contents>"
        )


def _is_signed(request: Request) -> bool:
    """As the documentation says, over what came: its own reading of the scheme."""
    given = request.headers.get("authorization", "")
    when = request.headers.get("x-amz-date", "")
    moment = dt.datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    if abs((dt.datetime.now(dt.UTC) - moment).total_seconds()) > 900:
        return False
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in request.query_params.multi_items()
    )
    names = given.split("SignedHeaders=")[1].split(",")[0]
    canonical = "\n".join(
        [
            request.method,
            quote(request.url.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{request.headers[name]}" for name in names.split(";")),
            "",
            names,
            request.headers["x-amz-content-sha256"],
        ]
    )
    scope = f"{when[:8]}/{REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return given == (f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={signature}")


def _xml(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/xml")
