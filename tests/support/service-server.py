#!/usr/bin/env python3
# service-server.py NAME: says its name and who asks, on port 80 of TCP and UDP, both families. Told to stop it answers all whose
# connection the kernel has taken for it, and nobody else: a client that is refused or reset was sent here too late.
import os, selectors, signal, socket, sys

name = sys.argv[1]
stop_read, stop_write = os.pipe()
signal.signal(signal.SIGTERM, lambda *_: os.write(stop_write, b'x'))
stream = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
datagram = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
datagram.bind(('::', 80))
for one in stream, datagram:
    one.setblocking(False)


def text(address):
    return f'{name} {address[0].removeprefix("::ffff:")}\n'.encode()


def accept_all():
    while True:
        try:
            client, address = stream.accept()
        except BlockingIOError:
            return
        client.sendall(text(address))
        if os.path.exists('/hold'):  # a connection that lasts
            holding.append(client)
        else:
            client.close()


holding = []
wait = selectors.DefaultSelector()
for one in stream, datagram, stop_read:
    wait.register(one, selectors.EVENT_READ)
while True:
    ready = [key.fileobj for key, _ in wait.select()]
    if stream in ready:
        accept_all()
    if datagram in ready:
        _, address = datagram.recvfrom(100)
        datagram.sendto(text(address), address)
    if stop_read in ready:
        accept_all()
        sys.exit(0)
