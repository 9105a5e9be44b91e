# Answers a byte with a byte on a port ("serve PORT"); or does round trips ("trips") or connections ("connects") with ADDRESS PORT COUNT, or
# runs a command ("run"), and says how many microseconds that took: entering a container and starting Python are not what is measured.
import socket, struct, subprocess, sys, time
what = sys.argv[1]
def connect():
    s = socket.create_connection((sys.argv[2], int(sys.argv[3])))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s
if what == "serve":
    import threading
    def answer(peer):
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (data := peer.recv(1)): peer.sendall(data)
        except OSError: pass
        peer.close()
    listener = socket.create_server(("", int(sys.argv[2])), backlog=4096)
    while True: threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
s = connect() if what == "trips" else None
start = time.perf_counter_ns()
if what == "trips":
    for _ in range(int(sys.argv[4])): s.sendall(b"x"); s.recv(1)
elif what == "connects":
    # Closed by a reset, which leaves no port behind for a minute; after a byte and its answer, or a proxy would only have said that it is there.
    for _ in range(int(sys.argv[4])):
        s = connect()
        s.sendall(b"x"); s.recv(1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
else: subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
print((time.perf_counter_ns() - start) // 1000)
