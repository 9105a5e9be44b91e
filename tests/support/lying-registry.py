#!/usr/bin/python3
"""A registry that misbehaves: lying-registry.py LAYOUT PORT LOG. The repository's name says how; any tag is the layout's image.
Requests are logged one a line: METHOD PATH RANGE."""
import http.server
import json
import os
import sys
import threading
import time

layout, port, log = sys.argv[1], int(sys.argv[2]), sys.argv[3]
index = json.load(open(f"{layout}/index.json"))
top = index["manifests"][0]
manifest = json.load(open(f"{layout}/blobs/sha256/{top['digest'][7:]}"))
layers = [layer["digest"] for layer in manifest["layers"]]
seen, lock = {}, threading.Lock()


def count(key):
    with lock:
        seen[key] = seen.get(key, 0) + 1
        return seen[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        headers.setdefault("Content_Type", "application/json")
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, **headers):
        self.reply(status, json.dumps({"errors": [{"code": code, "message": "no \x1b[31m\nreally"}]}).encode(), **headers)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        with lock, open(log, "a") as f:
            f.write(f"{self.command} {self.path} {self.headers.get('Range', '-')}\n")
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts == ["v2"]:
            return self.reply(200, b"{}")
        mode, kind, what = parts[1], parts[-2], parts[-1]
        if mode == "refuse401":
            return self.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')
        if mode == "missing":
            return self.refuse(404, "MANIFEST_UNKNOWN")
        if mode == "broken500":
            return self.refuse(500, "UNKNOWN")
        if mode == "busy" and count("busy " + self.path + self.command) == 1:
            return self.refuse(429, "TOOMANYREQUESTS", Retry_After="1")
        if mode == "alwaysbusy":
            return self.refuse(429, "TOOMANYREQUESTS", Retry_After="1")
        if kind == "manifests":
            return self.manifest(mode)
        if kind == "blobs":
            return self.blob(mode, what)
        self.refuse(404, "UNSUPPORTED")

    def manifest(self, mode):
        body = open(f"{layout}/blobs/sha256/{top['digest'][7:]}", "rb").read()
        if mode == "garbage":
            body = b'{"schemaVersion": 2, "layers": [' * 1000
        if mode == "huge":
            body = b'{"schemaVersion": 2, "pad": "' + b"x" * (64 << 20) + b'"}'
        if mode == "wrongsize":
            changed = json.loads(body)
            changed["layers"][1]["size"] += 1
            body = json.dumps(changed).encode()
        if mode == "nodigest":
            changed = json.loads(body)
            changed["layers"][0]["digest"] = "sha256:../../../../etc/passwd"
            body = json.dumps(changed).encode()
        self.reply(200, body, Content_Type=top["mediaType"])

    def blob(self, mode, digest):
        path = f"{layout}/blobs/sha256/{os.path.basename(digest)[7:]}"
        if not os.path.exists(path):
            return self.refuse(404, "BLOB_UNKNOWN")
        body = open(path, "rb").read()
        is_layer = digest in layers
        if mode == "wrongbytes" and digest == layers[0]:
            body = body[:100] + bytes([body[100] ^ 1]) + body[101:]
        if mode == "longer" and digest == layers[0]:
            body += b"more"
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            start = int(wanted[6:].split("-")[0])
        status, extra = 200, {}
        if start:
            status, extra = 206, {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        part = body[start:]
        cut = mode == "cut" and is_layer and count("cut " + digest) == 1
        always_cut = mode == "alwayscut" and digest == layers[0]
        if self.command == "HEAD" or not (cut or always_cut or (mode == "stall" and digest == layers[0])):
            return self.reply(status, part, Content_Type="application/octet-stream", **extra)
        self.send_response(status)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part[: len(part) // 2])
        self.wfile.flush()
        if mode == "stall":
            time.sleep(600)
        self.close_connection = True
        self.connection.close()


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
