"""What a prediction that has ended used, and why it failed if it did."""

from typing import Final

from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.fields import told_integer, told_object, told_text
from monoize.gateway.protocol.replicate.prediction import Prediction, read_prediction
from monoize.gateway.protocol.urp import Failed, Json
from monoize.gateway.protocol.watched import Watched, invalid

FAILED: Final = "prediction_failed"
MESSAGE_MOST: Final = 2_000


def watch_response(body: bytes) -> Watched:
    try:
        prediction = read_prediction(body)
    except BadAnswer as problem:
        return invalid(str(problem))
    if prediction.status != "succeeded":
        message = told_text(prediction.error) or f"The prediction was {prediction.status}."
        return Watched(error=Failed(message=message[:MESSAGE_MOST], code=FAILED))
    report = {"images": len(prediction.media()), "quality": None, "size": None, "usage": tokens_of(prediction)}
    chars = sum(map(len, prediction.texts()))
    return Watched(
        report=report,
        is_semantic=True,
        is_complete=True,
        model=told_text(prediction.model),
        output_chars=chars,
    )


def tokens_of(prediction: Prediction) -> Json | None:
    """Only language models count them."""
    metrics = told_object(prediction.metrics) or {}
    spent, made = told_integer(metrics.get("input_token_count")), told_integer(metrics.get("output_token_count"))
    return None if spent is None or made is None else {"input_tokens": spent, "output_tokens": made}
