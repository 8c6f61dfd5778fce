/** The part of a fork that takes what the one to be replaced has, and learns from the kernel who that is. */
export const receiveProgram = String.raw`
    def peer_of(client):
        found = client.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return known(found)

    def known(credentials):
        if int.from_bytes(credentials[4:8], sys.byteorder) != os.getuid():
            refuse("it is another user's")
        return int.from_bytes(credentials[:4], sys.byteorder)

    def holder_of(client):
        """What stands in the sandbox says one byte, and the kernel who it is that has said it."""
        os.write(client.fileno(), b"R\n")
        # A sandbox takes its time where the machine is busy.
        client.settimeout(30)
        said, passed, _, _ = client.recvmsg(1, _socket.CMSG_SPACE(12))
        client.settimeout(None)
        if not said:
            served[0] = ""  # it has been given up meanwhile, which is nobody's fault
        if said != b"H" or len(passed) != 1 or passed[0][1] != credentials_kind:
            refuse("its sandbox could not be begun")
        return known(passed[0][2])

    def environment_of(peer):
        with open("/proc/%d/environ" % peer, "rb") as file:
            return [one for one in file.read().split(b"\0") if b"=" in one]

    def receive(client):
        """What the one to be replaced sends: its streams, words and environment."""
        client.settimeout(10)
        head, passed, _, _ = client.recvmsg(4, _socket.CMSG_SPACE(12) + _socket.CMSG_SPACE(12))
        streams = []
        for _, kind, data in passed:
            if kind == _socket.SCM_RIGHTS:
                streams += [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data), 4)]
        while 0 < len(head) < 4:
            head += client.recv(4 - len(head)) or refuse("it has gone")
        left, parts = int.from_bytes(head, "little"), []
        while left > 0:
            part = client.recv(min(left, 65536)) or refuse("it has gone")
            parts.append(part)
            left -= len(part)
        client.settimeout(None)
        said, *fields = b"".join(parts).split(b"\0")
        if said.decode("latin1") != nonce or len(streams) != 3:
            refuse("it is not known here")
        served[0] = fields.pop(0).decode()
        kind, at, sandbox, filter, groups = fields[0].decode(), int(fields[1]), fields[2], fields[3], int(fields[4])
        groups, fields = fields[5 : 5 + groups], fields[5 + groups :]
        count = int(fields[0])
        argv, environment = fields[1 : 1 + count], fields[1 + count :]
        return streams, kind, at, sandbox == b"sandbox", filter, groups, argv, environment
`
