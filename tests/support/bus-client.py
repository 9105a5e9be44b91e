#!/usr/bin/python3
"""A D-Bus client that passes descriptors and hears what is meant for the caller alone, which busctl does not.

usage: bus-client.py [--job] [--cancel-on TEXT] OBJECT INTERFACE METHOD [SIGNATURE ARG...]     at io.gantry1
       bus-client.py --listen [--subscribe]                     prints whatever signals of io.gantry1 come by

Arguments are JSON (a word that is none is a string); a variant is [SIGNATURE, VALUE], a descriptor its number in this process.
Prints the reply as JSON. With --job the reply is a job, which is followed: a line of JSON for each of its signals. --cancel-on
cancels it once its output has TEXT. Exits with 1 where the call or the job fails, after "ERROR NAME: MESSAGE" on standard error.
"""
import argparse, array, json, os, socket, struct, sys

FIXED = {'y': 'B', 'b': 'I', 'n': 'h', 'q': 'H', 'i': 'i', 'u': 'I', 'x': 'q', 't': 'Q', 'd': 'd', 'h': 'I'}


def split(signature):
    """Its complete types."""
    types, at = [], 0
    while at < len(signature):
        end = at
        while signature[end] == 'a':
            end += 1
        if signature[end] in '({':
            depth = 0
            while True:
                depth += {'(': 1, '{': 1, ')': -1, '}': -1}.get(signature[end], 0)
                if depth == 0:
                    break
                end += 1
        types.append(signature[at:end + 1])
        at = end + 1
    return types


def alignment(kind):
    return {'y': 1, 'g': 1, 'v': 1, 'n': 2, 'q': 2, 'x': 8, 't': 8, 'd': 8, '(': 8, '{': 8}.get(kind[0], 4)


class Writer:
    def __init__(self):
        self.data, self.fds = bytearray(), []

    def align(self, to):
        self.data += bytes(-len(self.data) % to)

    def put(self, kind, value):
        self.align(alignment(kind))
        if kind == 'h':
            self.fds.append(int(value))
            value = len(self.fds) - 1
        if kind in FIXED:
            self.data += struct.pack('<' + FIXED[kind], value)
        elif kind in 'so':
            raw = value.encode()
            self.data += struct.pack('<I', len(raw)) + raw + b'\0'
        elif kind == 'g':
            self.data += bytes([len(value)]) + value.encode() + b'\0'
        elif kind == 'v':
            self.put('g', value[0])
            self.put(value[0], value[1])
        elif kind[0] == '(':
            for inner, one in zip(split(kind[1:-1]), value):
                self.put(inner, one)
        else:
            self.data += bytes(4)
            length_at = len(self.data) - 4
            self.align(alignment(kind[1:]))
            start = len(self.data)
            if kind[1] == '{':
                key, inner = split(kind[2:-1])
                for name, one in value.items():
                    self.align(8)
                    self.put(key, name)
                    self.put(inner, one)
            else:
                for one in value.encode() if isinstance(value, str) else value:
                    self.put(kind[1:], one)
            struct.pack_into('<I', self.data, length_at, len(self.data) - start)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, kind):
        self.at += -self.at % alignment(kind)
        if kind in FIXED:
            code = '<' + FIXED[kind]
            value, = struct.unpack_from(code, self.data, self.at)
            self.at += struct.calcsize(code)
            return bool(value) if kind == 'b' else value
        if kind in 'sog':
            size = self.get('y' if kind == 'g' else 'u')
            value = self.data[self.at:self.at + size].decode()
            self.at += size + 1
            return value
        if kind == 'v':
            return self.get(self.get('g'))
        if kind[0] == '(':
            return [self.get(inner) for inner in split(kind[1:-1])]
        size = self.get('u')
        self.at += -self.at % alignment(kind[1:])
        end, values = self.at + size, []
        while self.at < end:
            if kind[1] == '{':
                self.at += -self.at % 8
                values.append([self.get(inner) for inner in split(kind[2:-1])])
            else:
                values.append(self.get(kind[1:]))
        return dict(values) if kind[1] == '{' else values


class Bus:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect('/run/dbus/system_bus_socket')
        self.serial, self.unread = 0, b''
        identity = str(os.getuid()).encode().hex().encode()
        self.socket.sendall(b'\0AUTH EXTERNAL ' + identity + b'\r\nNEGOTIATE_UNIX_FD\r\n')
        answer = b''
        while answer.count(b'\r\n') < 2:
            answer += self.socket.recv(4096)
        if b'AGREE_UNIX_FD' not in answer:
            sys.exit('the bus says: ' + answer.decode())
        self.socket.sendall(b'BEGIN\r\n')
        self.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'Hello')

    def send(self, service, path, interface, member, signature='', values=()):
        body = Writer()
        for kind, value in zip(split(signature), values):
            body.put(kind, value)
        fields = [[1, ['o', path]], [2, ['s', interface]], [3, ['s', member]], [6, ['s', service]]]
        if signature:
            fields.append([8, ['g', signature]])
        if body.fds:
            fields.append([9, ['u', len(body.fds)]])
        self.serial += 1
        head = Writer()
        for value in (ord('l'), 1, 0, 1):
            head.put('y', value)
        head.put('u', len(body.data))
        head.put('u', self.serial)
        head.put('a(yv)', fields)
        head.align(8)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', body.fds))] if body.fds else []
        self.socket.sendmsg([bytes(head.data + body.data)], ancillary)
        return self.serial

    def need(self, count):
        while len(self.unread) < count:
            more = self.socket.recv(65536)
            if not more:
                sys.exit('the bus is gone')
            self.unread += more

    def receive(self):
        self.need(16)
        body_size, fields_size = struct.unpack_from('<I', self.unread, 4)[0], struct.unpack_from('<I', self.unread, 12)[0]
        start = 16 + fields_size + -fields_size % 8
        self.need(start + body_size)
        head = Reader(self.unread[:start])
        head.at = 12
        fields = dict(head.get('a(yv)'))
        body = Reader(self.unread[start:start + body_size])
        kind = self.unread[1]
        self.unread = self.unread[start + body_size:]
        return kind, fields, [body.get(one) for one in split(fields.get(8, ''))]

    def call(self, *message):
        serial = self.send(*message)
        while True:
            kind, fields, values = self.receive()
            if fields.get(5) == serial and kind in (2, 3):
                if kind == 3:
                    fail(fields[4], values[0] if values else '')
                return values


def fail(name, message):
    print(f'ERROR {name}: {message}', file=sys.stderr)
    sys.exit(1)


def value_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def follow(bus, job, cancel_on):
    cancelled = False
    while True:
        kind, fields, values = bus.receive()
        if kind != 4 or fields.get(1) != job or fields.get(2) != 'io.gantry1.Job':
            continue
        print(json.dumps([fields[3], *values]), flush=True)
        if cancel_on and not cancelled and fields[3] == 'Output' and cancel_on in values[2]:
            cancelled = True
            bus.send('io.gantry1', job, 'io.gantry1.Job', 'Cancel')
        if fields[3] == 'Finished':
            if values[0]:
                fail(values[0], values[1])
            return


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--job', action='store_true')
    parser.add_argument('--cancel-on')
    parser.add_argument('--listen', action='store_true')
    parser.add_argument('--subscribe', action='store_true')
    parser.add_argument('words', nargs='*')
    given = parser.parse_args()
    bus = Bus()
    if given.job or given.listen:
        bus.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'AddMatch', 's',
                 ["type='signal',sender='io.gantry1'"])
    if given.listen:
        if given.subscribe:
            bus.call('io.gantry1', '/io/gantry1', 'io.gantry1.Manager', 'Subscribe', '', [])
        print('listening', flush=True)
        while True:
            kind, fields, values = bus.receive()
            print(json.dumps([fields.get(3), *values]), flush=True)
    path, interface, method = given.words[:3]
    signature, values = (given.words[3:4] or [''])[0], [value_of(word) for word in given.words[4:]]
    reply = bus.call('io.gantry1', path, 'io.gantry1.' + interface, method, signature, values)
    print(json.dumps(reply), flush=True)
    if given.job:
        follow(bus, reply[0], given.cancel_on)


main()
