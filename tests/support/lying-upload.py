#!/usr/bin/python3
"""A registry to push to that misbehaves: lying-upload.py PORT LOG. The repository's first word says how; what arrives is kept in
memory and can be read back. Requests are logged one a line: METHOD PATH BYTES AUTHORIZATION."""
import hashlib
import http.server
import json
import socket
import sys
import threading
import urllib.parse

port, log = int(sys.argv[1]), sys.argv[2]
blobs, manifests, uploads, seen, lock = {}, {}, {}, {}, threading.Lock()


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
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, **headers):
        self.read_all()
        self.reply(status, json.dumps({"errors": [{"code": code, "message": "no \x1b[31m\nreally"}]}).encode(), **headers)

    def read(self, size):
        data = self.rfile.read(size)
        self.left -= len(data)
        return data

    def read_all(self):
        return self.read(self.left)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def handle_any(self):
        self.left = int(self.headers.get("Content-Length") or 0)
        with lock, open(log, "a") as f:
            f.write(f"{self.command} {self.path} {self.left} {self.headers.get('Authorization', '-')}\n")
        url = urllib.parse.urlparse(self.path)
        self.query = urllib.parse.parse_qs(url.query)
        parts = url.path.strip("/").split("/")
        if parts == ["v2"]:
            return self.reply(200, b"{}")
        self.mode = mode = parts[1]
        if mode == "needslogin" and not self.headers.get("Authorization"):
            return self.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')
        writing = self.command in ("POST", "PATCH", "PUT")
        if writing and mode == "denied":
            return self.refuse(403, "DENIED")
        if writing and mode == "unknown":
            return self.refuse(404, "NAME_UNKNOWN")
        if writing and mode == "broken500":
            return self.refuse(500, "UNKNOWN")
        if writing and mode == "alwaysbusy":
            return self.refuse(429, "TOOMANYREQUESTS", Retry_After="1000")
        if writing and mode == "busy" and count(self.command + self.path) == 1:
            return self.refuse(429, "TOOMANYREQUESTS", Retry_After="1")
        if writing and mode == "shaky" and count("shaky") % 3 == 1:
            return self.refuse(503, "UNAVAILABLE")
        if writing and mode == "redirect" and "again" not in self.query:
            self.read_all()
            return self.reply(307, Location=self.path + ("&" if url.query else "?") + "again=1")
        name = "/".join(parts[1:-2])
        if parts[-2] == "manifests":
            return self.manifest(name, parts[-1])
        if parts[-2] == "blobs" and parts[-1] != "uploads":
            return self.blob(parts[-1])
        if self.command == "POST":
            return self.begin()
        return self.upload(parts[-1])

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def manifest(self, name, reference):
        if self.command == "PUT":
            body = self.read_all()
            if self.mode == "changes":
                body += b" "
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            manifests[name + reference] = manifests[name + digest] = body, self.headers["Content-Type"]
            return self.reply(201, Docker_Content_Digest=digest)
        if name + reference not in manifests:
            return self.refuse(404, "MANIFEST_UNKNOWN")
        body, kind = manifests[name + reference]
        self.reply(200, body, Content_Type=kind)

    def blob(self, digest):
        if digest not in blobs:
            return self.refuse(404, "BLOB_UNKNOWN")
        self.reply(200, blobs[digest])

    def place(self, uid):
        host = f"127.0.0.1:{port}" if self.mode == "absolute" else "127.0.0.1:5003" if self.mode == "elsewhere" else None
        path = f"/v2/{self.mode}/x/blobs/uploads/{uid}"
        return f"http://{host}{path}?state=a%2Fb" if host else path

    def begin(self):
        self.read_all()
        if self.mode == "nolocation":
            return self.reply(202)
        uid = f"u{count('uploads')}"
        uploads[uid] = b""
        extra = {"OCI_Chunk_Min_Length": str(48 << 20)} if self.mode == "bigchunks" else {}
        if self.mode == "uuidonly":
            return self.reply(202, Docker_Upload_UUID=uid)
        self.reply(202, Location=self.place(uid), Docker_Upload_UUID=uid, Range="0-0", **extra)

    def upload(self, uid):
        if uid not in uploads:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        mode, big = self.mode, self.left > (8 << 20)
        if self.command == "GET":
            if mode == "noresume":
                del uploads[uid]
                return self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
            end = 10**12 if mode == "liesresume" else max(len(uploads[uid]) - 1, 0)
            return self.reply(204, Location=self.place(uid), Range=f"0-{end}")
        breaks = {"cut": 2, "noresume": 1, "liesresume": 1, "alwayscut": 10**9}.get(mode, 0)
        if big and count("cut") <= breaks:
            uploads[uid] += self.read(self.left // 2)
            return self.hang_up()
        first = int((self.headers.get("Content-Range") or "0-0").split("-")[0])
        if self.command == "PATCH" and first != len(uploads[uid]):
            return self.refuse(416, "RANGE_INVALID")
        if mode == "bigchunks" and self.command == "PATCH" and self.left < (48 << 20) and count("small") > 1:
            return self.refuse(400, "SIZE_INVALID")
        uploads[uid] += self.read_all()
        if self.command == "PATCH":
            return self.reply(202, Location=self.place(uid), Range=f"0-{len(uploads[uid]) - 1}")
        data, digest = uploads.pop(uid), self.query["digest"][0]
        if digest != "sha256:" + hashlib.sha256(data).hexdigest():
            return self.refuse(400, "DIGEST_INVALID")
        blobs[digest] = data
        if mode == "lostanswer" and count("lost") == 1:
            return self.hang_up()
        self.reply(201, Docker_Content_Digest=digest)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, *_):
        pass


Server(("127.0.0.1", port), Handler).serve_forever()
