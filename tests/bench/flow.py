# Answers a byte with a byte on a port ("serve PORT"); or does round trips ("trips") or connections ("connects") with ADDRESS PORT COUNT, or
# runs a command ("run"), and says how many microseconds that took: entering a container and starting Python are not what is measured.
import select, socket, struct, subprocess, sys, time
what = sys.argv[1]
def connect():
    # No more than it takes: create_connection() would ask getaddrinfo(3) each time.
    s = socket.socket()
    s.connect((sys.argv[2], int(sys.argv[3])))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s
if what == "serve":
    # One thread: to start one for a connection takes longer than the connection.
    listener = socket.create_server(("", int(sys.argv[2])), backlog=4096)
    peers, ready = {}, select.epoll()
    ready.register(listener, select.EPOLLIN)
    while True:
        for number, _ in ready.poll():
            if number == listener.fileno():
                peer = listener.accept()[0]
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[peer.fileno()] = peer
                ready.register(peer, select.EPOLLIN)
                continue
            try: data = peers[number].recv(1)
            except OSError: data = b""
            if data: peers[number].sendall(data)
            else: peers.pop(number).close()
s = connect() if what == "trips" else None
def trip(): s.sendall(b"x"); s.recv(1)
def connection():
    # Closed by a reset, which leaves no port behind for a minute; after a byte and its answer, or a proxy would only have said that it is there.
    s = connect()
    s.sendall(b"x"); s.recv(1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
def took(work, count):
    start = time.perf_counter_ns()
    for _ in range(count): work()
    return time.perf_counter_ns() - start
if what == "run": print(took(lambda: subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL), 1) // 1000)
else:
    # All at the pace of the fastest batch: some milliseconds in which nobody else had the processor.
    count = int(sys.argv[4])
    batch, work = (min(50, count), trip) if what == "trips" else (min(10, count), connection)
    print(min(took(work, batch) for _ in range(count // batch)) * count // batch // 1000)
