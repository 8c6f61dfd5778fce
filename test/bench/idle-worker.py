"""An MCP server that does nothing in little memory, over stdio or HTTP on $PORT."""

import json
import os
import selectors
import socket
import sys


def result(message):
    return json.dumps(
        {
            "jsonrpc": "2.0",
            "id": message["id"],
            "result": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "serverInfo": {"name": "idle", "version": "1"},
            },
        }
    )


def serve_stdio():
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            print(result(message), flush=True)


def serve_http(port):
    listener = socket.create_server(("127.0.0.1", port))
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ, bytearray())
            elif not read(key.fileobj, key.data):
                selector.unregister(key.fileobj)
                key.fileobj.close()


def read(connection, got):
    try:
        chunk = connection.recv(65536)
    except ConnectionError:
        return False
    got += chunk
    head, end, body = bytes(got).partition(b"\r\n\r\n")
    if end:
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) >= int(fields.get(b"content-length", 0)):
            connection.sendall(answer(head.split(b" ", 1)[0], body))
            got.clear()
    return chunk != b""


def answer(method, body):
    if method == b"GET":
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    message = json.loads(body) if method == b"POST" else {}
    text = result(message).encode() if "id" in message else b""
    return (
        b"HTTP/1.1 %s\r\ncontent-type: application/json\r\nmcp-session-id: idle\r\ncontent-length: %d\r\n\r\n%s"
        % (b"200 OK" if text or method != b"POST" else b"202 Accepted", len(text), text)
    )


if "PORT" in os.environ:
    serve_http(int(os.environ["PORT"]))
else:
    serve_stdio()
