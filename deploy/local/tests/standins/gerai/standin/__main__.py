"""A service that keeps to the contract of service processes and does nothing else."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

SETTINGS = {key: value for key, value in os.environ.items() if key.startswith("GERAI_")}
BODIES = {"/health/ready": {}, "/settings": SETTINGS}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in BODIES else 404)
        self.end_headers()
        self.wfile.write(json.dumps(BODIES.get(self.path)).encode())

    def log_message(self, format, *args):
        pass


HTTPServer((os.environ["GERAI_HTTP_HOST"], int(os.environ["GERAI_HTTP_PORT"])), Handler).serve_forever()
