"""peers.py echo|bulk CONNECTIONS COUNT SIZE: prints how many seconds it took."""

import asyncore
import sys
import time

CHUNK = 65536
task, (connections, count, size) = sys.argv[1], map(int, sys.argv[2:])


class Listener(asyncore.dispatcher):
    def __init__(self):
        super().__init__()
        self.left = connections
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(1024)

    def handle_accepted(self, sock, addr):
        Echo(sock)
        self.left -= 1
        if self.left == 0:
            self.close()


class Sender(asyncore.dispatcher):
    """Keeps what a send did not take."""

    out = b""

    def queue(self, data):
        self.out += data
        self.handle_write()

    def writable(self):
        return bool(self.out) or not self.connected

    def handle_write(self):
        if self.out:
            self.out = self.out[self.send(self.out) :]

    def handle_close(self):
        self.close()


class Echo(Sender):
    def handle_read(self):
        data = self.recv(CHUNK)
        if task == "echo":
            self.queue(data)


class Asker(Sender):
    def __init__(self, address):
        super().__init__()
        self.left = count
        self.create_socket()
        self.connect(address)

    def ask(self):
        self.left -= 1
        self.missing = size
        self.queue(b"\7" * size)

    def handle_connect(self):
        self.ask()

    def handle_read(self):
        self.missing -= len(self.recv(CHUNK))
        if self.missing == 0:
            if self.left:
                self.ask()
            else:
                self.close()


class Source(Sender):
    def __init__(self, address):
        super().__init__()
        self.left = count
        self.chunk = memoryview(b"\7" * size)
        self.out = self.chunk[:0]
        self.create_socket()
        self.connect(address)

    def writable(self):
        return True

    def handle_write(self):
        if not self.out:
            if self.left == 0:
                return self.close()
            self.left -= 1
            self.out = self.chunk
        super().handle_write()

    def handle_read(self):
        self.recv(CHUNK)


address = Listener().socket.getsockname()
for _ in range(connections):
    (Asker if task == "echo" else Source)(address)
start = time.perf_counter()
asyncore.loop(timeout=30)
print(time.perf_counter() - start)
