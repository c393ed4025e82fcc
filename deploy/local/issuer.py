"""`python -m local.issuer DIRECTORY PORT`: serves the public key of the local tokens, on loopback only."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.ports import HOST
from local.tokens import Issuer


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


def server(issuer: Issuer, port: int) -> ThreadingHTTPServer:
    bodies = {path: json.dumps(document).encode() for path, document in issuer.documents().items()}
    bodies["/health/ready"] = b'{"status":"ready"}'

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that says nothing holds no thread for ever

        def do_GET(self) -> None:
            body = bodies.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Health checks would fill the log."""

    return ThreadingHTTPServer((HOST, port), Handler)


def main(directory: str, port: str) -> None:
    issuer = Issuer.at(Path(directory), url=url(int(port)))
    with server(issuer, int(port)) as listening:
        listening.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
