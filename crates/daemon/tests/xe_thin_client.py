"""A thin client, written from the description of its protocol alone.

xe_thin_client.py unix:PATH|HOST:PORT [--typed LINE] [--file NAME=TEXT] ARGUMENT...

Prints what a terminal would show, standard error with "2> " before each line, and "exit N" last.
"""

import socket
import ssl
import struct
import sys

GREETING = b"XenSource thin CLI protocol"
PRINT, LOAD, PROMPT, EXIT, GET, PUT, ERROR, DEBUG, STDERR, CONNECT = 0, 1, 3, 4, 12, 13, 14, 15, 16, 17
COMMAND, RESPONSE, BLOB = 9, 10, 11


def number(n):
    return struct.pack("<i", n)


def frame(*numbers):
    payload = b"".join(number(n) for n in numbers)
    return number(len(payload)) + payload


class Frame:
    def __init__(self, payload):
        self.payload = payload

    def number(self):
        (n,), self.payload = struct.unpack("<i", self.payload[:4]), self.payload[4:]
        return n

    def text(self):
        length = self.number()
        text, self.payload = self.payload[:length], self.payload[length:]
        return text.decode()


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise EOFError("the server hung up after %r" % data)
        data += more
    return data


def connect(where):
    if where.startswith("unix:"):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(where[5:])
        return stream
    host, port = where.rsplit(":", 1)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((host, int(port))))


def put(where, url, contents):
    """Nothing is sent before the 200, as with the original."""
    stream = connect(where)
    head = "PUT %s HTTP/1.0\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % (url, len(contents))
    stream.sendall(head.encode())
    stream.settimeout(20)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += exactly(stream, 1)
    if b" 200 " not in answer.split(b"\r\n")[0]:
        return False
    stream.sendall(contents)
    stream.close()
    return True


def show(prefix, text):
    for line in text.splitlines() or [""]:
        print((prefix + line).rstrip())


def main():
    where, rest = sys.argv[1], sys.argv[2:]
    typed, files, words = [], {}, []
    while rest:
        word = rest.pop(0)
        if word == "--typed":
            typed.append(rest.pop(0))
        elif word == "--file":
            name, text = rest.pop(0).split("=", 1)
            files[name] = text.encode()
        else:
            words.append(word)
    body = "\n".join(words).encode()
    stream = connect(where)
    head = "POST /cli HTTP/1.0\r\nuser-agent: test\r\ncontent-length: %d\r\n\r\n" % len(body)
    stream.sendall(head.encode() + body)
    theirs = exactly(stream, len(GREETING) + 8)
    assert theirs == GREETING + number(0) + number(2), theirs
    stream.sendall(theirs)
    while True:
        (length,) = struct.unpack("<i", exactly(stream, 4))
        got = Frame(exactly(stream, length))
        assert got.number() == COMMAND
        what = got.number()
        if what == PRINT:
            show("", got.text())
        elif what == STDERR:
            show("2> ", got.text())
        elif what == ERROR:
            code = got.text()
            params = [got.text() for _ in range(got.number())]
            print("2> Error code: %s (%s)" % (code, ", ".join(params)))
        elif what == PROMPT:
            line = typed.pop(0).encode()
            stream.sendall(frame(BLOB, 7, len(line)) + line + frame(BLOB, 8))
        elif what == LOAD:
            contents = files.get(got.text())
            if contents is None:
                stream.sendall(frame(RESPONSE, 6))
            else:
                chunk = frame(BLOB, 7, len(contents)) + contents
                # A heartbeat in between must not confuse anybody.
                stream.sendall(frame(RESPONSE, 18) + frame(RESPONSE, 5) + chunk + frame(BLOB, 8))
        elif what == PUT:
            name, url = got.text(), got.text()
            done = name in files and put(where, url, files[name])
            stream.sendall(frame(RESPONSE, 5 if done else 6))
        elif what in (GET, CONNECT):
            print("transfer: %s" % got.text())
            stream.sendall(frame(RESPONSE, 6))
        elif what == EXIT:
            print("exit %d" % got.number())
            return
        else:
            assert what == DEBUG, what


main()
