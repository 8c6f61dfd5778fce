/** The part of a fork that takes upon itself all that holds for the one to be replaced. */
export const enterProgram = String.raw`
    def differing(peer):
        """Names of the namespaces in which it is and the template is not."""
        return [
            name
            for name, number in own_namespaces.items()
            if not name.endswith("_for_children")
            and os.stat("/proc/%d/ns/%s" % (peer, name)).st_ino != number
        ]

    def namespace_of(peer, name):
        return os.open("/proc/%d/ns/%s" % (peer, name), os.O_RDONLY)

    def related(fd, request):
        """The parent of a user namespace, or the user namespace that another belongs to."""
        found = libc.ioctl(fd, request)
        return found if found >= 0 else check(-1)

    def enter(peer):
        """All its namespaces, from outside to inside: the right to enter some comes with others."""
        wanted = differing(peer)
        if "pid" not in wanted:
            refuse("it has no PID namespace of its own")
        if "time" in wanted:
            refuse("it has a time of its own")
        users, fd = [], namespace_of(peer, "user")
        while os.fstat(fd).st_ino != own_namespaces["user"]:
            users.insert(0, fd)
            fd = related(fd, 0xB702)
        os.close(fd)
        others = []
        for name in sorted(wanted, key="mnt".__eq__):
            if name != "user":
                fd = namespace_of(peer, name)
                owner = related(fd, 0xB701)
                others.append((fd, os.fstat(owner).st_ino))
                os.close(owner)
        depths = [own_namespaces["user"], *(os.fstat(fd).st_ino for fd in users)]
        # Those of who has started the template are entered with its own rights.
        ordered = sorted(others, key=lambda one: depths.index(one[1]) if one[1] in depths else 0)
        for depth, number in enumerate(depths):
            if depth > 0:
                check(libc.setns(users[depth - 1], 0))
                os.close(users[depth - 1])
            for fd, owner in ordered:
                if owner == number or (depth == 0 and owner not in depths):
                    check(libc.setns(fd, 0))
                    os.close(fd)

    def become(peer, groups, filter, held):
        """
        In a process that its namespaces do not show: all that others have from the peer. What is left
        for the first one inside is returned as what to do there.
        """
        number = int(status_of(peer)["NSpid"].split()[-1])
        for file in groups:
            with open(file, "w") as group:
                group.write("0")
        kinds = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
        bounds = [(kind, resource.prlimit(peer, kind)) for kind in kinds]
        root = os.stat("/proc/%d/root" % peer)
        folder = os.open("/proc/%d/cwd" % peer, os.O_PATH | os.O_DIRECTORY)
        program = b""
        if filter:
            with open(filter, "rb") as file:
                program = file.read()
        if label_of(peer) != label_of("self"):
            refuse("it is under another profile of the kernel's")
        # The kernel would have given its number to nobody else as long as it holds its end.
        ended = select.poll()
        ended.register(held, 0)
        enter(peer)
        if ended.poll(0):
            refuse("it has gone")

        def inside():
            seen = os.stat("/")
            if (seen.st_dev, seen.st_ino) != (root.st_dev, root.st_ino):
                refuse("it has another root")
            # As they are counted here: a user namespace has other numbers of groups, for one.
            its = status_of(number)
            os.fchdir(folder)
            os.close(folder)
            os.umask(int(its["Umask"], 8))
            for kind, bound in bounds:
                if resource.getrlimit(kind) != bound:
                    resource.setrlimit(kind, bound)
            mine = status_of("self")
            if its["NoNewPrivs"] != mine["NoNewPrivs"]:
                check(libc.prctl(38, 1, 0, 0, 0))
            extra = int(mine["CapBnd"], 16) & ~int(its["CapBnd"], 16)
            for bit in range(64):
                if extra >> bit & 1:
                    check(libc.prctl(24, bit, 0, 0, 0))
            sets = [int(its[key], 16) for key in ("CapEff", "CapPrm", "CapInh")]
            if sets != [int(mine[key], 16) for key in ("CapEff", "CapPrm", "CapInh")]:
                head = (ctypes.c_uint32 * 2)(0x20080522, 0)
                data = (ctypes.c_uint32 * 6)(*[one & 0xFFFFFFFF for one in sets], *[one >> 32 for one in sets])
                check(libc.capset(head, data))
            if program and its["Seccomp"] == "2":
                text = ctypes.create_string_buffer(program, len(program))
                given = filter_type(len(program) // 8, ctypes.addressof(text))
                check(libc.prctl(22, 2, ctypes.byref(given), 0, 0))
            after = status_of("self")
            for key in alike:
                if after.get(key) != its.get(key):
                    refuse("what it may do cannot be had (%s)" % key)
            libc.prctl(4, 1, 0, 0, 0)  # for its keeper, who looks at /proc

        return inside

    def label_of(pid):
        """What a security module such as AppArmor holds it for."""
        try:
            with open("/proc/%s/attr/current" % pid, "rb") as file:
                return file.read()
        except OSError:
            return b""

    class filter_type(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    alike = (
        *("Uid", "Gid", "Groups", "Umask", "Seccomp", "Seccomp_filters", "NoNewPrivs"),
        *("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "Cpus_allowed", "Mems_allowed"),
    )
`
