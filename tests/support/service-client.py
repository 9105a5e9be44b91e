#!/usr/bin/env python3
# service-client.py ADDRESS COUNT|SECONDSs [udp|udp-connected|keep]: asks port 80 of a service so often, or for so long. Prints "NAME TIMES"
# of each container that answered, "from ADDRESS" as they saw it, and "failed TIMES" with the last reason; fails where somebody says
# that it talks to another address than it was told to.
# keep: one connection, its line at once, and "open" or "closed" when a line comes in.
import collections, socket, sys, time

address, amount, how = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else 'tcp'
family = socket.AF_INET6 if ':' in address else socket.AF_INET
counts, seen, failed, why = collections.Counter(), set(), 0, ''


def ask():
    with socket.socket(family, socket.SOCK_STREAM if how == 'tcp' else socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        if how == 'udp':
            client.sendto(b'?', (address, 80))
            answer, peer = client.recvfrom(100)
        else:
            client.connect((address, 80))
            peer = client.getpeername()
            if how == 'udp-connected':
                client.send(b'?')
            answer = client.recv(100)
    if peer[0] != address or peer[1] != 80:
        sys.exit(f'the peer is {peer[:2]}, and was to be {address}')
    if not answer:
        raise OSError('closed without an answer')
    who, source = answer.decode().split()
    counts[who] += 1
    seen.add(source)


if how == 'keep':
    client = socket.create_connection((address, 80), 3)
    print(client.recv(100).decode().split()[0], flush=True)
    sys.stdin.readline()
    client.setblocking(False)
    try:
        print('closed' if client.recv(1) == b'' else 'open', flush=True)
    except BlockingIOError:
        print('open', flush=True)
    sys.exit(0)
end = time.monotonic() + float(amount[:-1]) if amount.endswith('s') else None
done = 0
while time.monotonic() < end if end else done < int(amount):
    done += 1
    try:
        ask()
    except OSError as error:
        failed += 1
        why = str(error)
for who in sorted(counts):
    print(who, counts[who])
for source in sorted(seen):
    print('from', source)
print('failed', failed, why)
