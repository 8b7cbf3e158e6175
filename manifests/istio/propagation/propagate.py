"""Sidecars create spans, but only the application knows which outgoing call belongs to which request: it must copy these
headers. Without them a trace ends at the service. No OpenTelemetry SDK is needed."""

from http.server import BaseHTTPRequestHandler
from urllib.request import Request, urlopen

HEADERS = [
    "traceparent", "tracestate", "baggage", "x-request-id",
    "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
]


def trace_headers(incoming):
    """The headers of an incoming request that every call made for it must carry."""
    return {name: incoming[name] for name in HEADERS if name in incoming}


def handler(upstream):
    """A service that calls another one for each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with urlopen(Request(upstream, headers=trace_headers(self.headers))) as answer:
                body = answer.read()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    return Handler
