"""What schemathesis does not know by itself: a media type in which the text is sent as it is."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
