#!/usr/bin/env python3
"""counting-proxy.py PORT UPSTREAM FOLDER: passes GET and HEAD on to UPSTREAM (HOST:PORT).

FOLDER/bytes is what was sent to clients so far (status lines, headers and bodies), FOLDER/log has a line for each request:
METHOD STATUS BYTES PATH RANGE. FOLDER/mode, read for each request, says how honest it is:
    honest   the default
    chunks   a byte of every range is wrong that ends before the blob does
    table    a byte of every range is wrong
    all      a byte of every layer is wrong
    whole    ranges are answered with the whole
"""
import http.client
import http.server
import os
import sys
import threading

port, upstream, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = threading.Lock()
total = 0


def mode():
    try:
        with open(os.path.join(folder, "mode")) as file:
            return file.read().strip()
    except FileNotFoundError:
        return "honest"


def spoils(how, status, content_range, size):
    if size < 1000:
        return False
    if how == "all":
        return True
    if status != 206:
        return False
    last, of = content_range.rpartition("-")[2].split("/")
    return how == "table" or how == "chunks" and int(last) + 1 < int(of)


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        global total
        how = mode()
        headers = {name: value for name, value in self.headers.items() if how != "whole" or name.lower() != "range"}
        connection = http.client.HTTPConnection(upstream)
        connection.request(self.command, self.path, headers=headers)
        answer = connection.getresponse()
        body = bytearray(answer.read())
        if "/blobs/" in self.path and spoils(how, answer.status, answer.getheader("Content-Range", ""), len(body)):
            body[len(body) // 2] ^= 1
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders() if name.lower() != "transfer-encoding")
        if answer.getheader("Content-Length") is None:
            head += f"Content-Length: {len(body)}\r\n"
        data = head.encode() + b"\r\n" + body
        with lock:
            total += len(data)
            with open(os.path.join(folder, "bytes.new"), "w") as file:
                file.write(f"{total}\n")
            os.rename(os.path.join(folder, "bytes.new"), os.path.join(folder, "bytes"))
            with open(os.path.join(folder, "log"), "a") as file:
                file.write(f"{self.command} {answer.status} {len(data)} {self.path} {self.headers.get('Range', '-')}\n")
        try:
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True  # the client has seen enough


http.server.ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever()
