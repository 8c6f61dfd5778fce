import { importsProgram } from './imports-program.ts'

/**
 * The template: a Python that has loaded modules, and is forked for each session. It runs as
 * `python -c`, so that nothing on the disk can be changed under it. Python 3.9 and later, Linux.
 *
 * On stdin it gets its socket, its nonce and the modules, one a line, and an empty line; the end of
 * stdin is its own end. On descriptor 3 it tells `ready`, or `failed` and why, and from then on
 * `forked` or `refused` with its server, and why, for each session.
 *
 * Whoever connects to the socket (`fork-program.ts`) stands where the server is to stand: by the pid
 * that the kernel vouches for, the fork finds the namespaces, limits, groups and rights that it
 * takes upon itself, and what it cannot take upon itself it refuses. So a fork has no more than a
 * plain start would have. The template never reads what a session sends: its forks do, or each
 * would bear traces of those before it.
 */
export const templateProgram = String.raw`
import os, sys

${importsProgram}
def template():
    import builtins, ctypes, gc, importlib, random, resource, select, signal, time
    import _socket

    own = globals()
    # Where the program stands by hand is known only to a fork.
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        del sys.path[0]
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/environ", "rb") as file:
        given = file.read().split(b"\0")
    # Python itself sets it in some locales, and a fork is to find what it would find by hand.
    coerced = [] if any(one.startswith(b"LC_CTYPE=") for one in given) else [
        b"LC_CTYPE=" + os.environb[b"LC_CTYPE"]
    ] if b"LC_CTYPE" in os.environb else []
    os.environ.pop("BERTH_ROOM", None)

    def tell(*words):
        try:
            os.write(3, ("\t".join(words).replace("\n", " ") + "\n").encode("utf-8", "replace"))
        except OSError:
            pass

    def check(result):
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def asked():
        text = b""
        while not text.endswith(b"\n\n"):
            more = os.read(0, 65536)
            if not more:
                os._exit(0)
            text += more
        return text.decode().split("\n")[:-2]

    def opened():
        found = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                found[int(name)] = os.readlink("/proc/self/fd/" + name)
            except OSError:
                pass
        return found

    # What whoever started the gateway left open would be open in every session.
    for fd in opened():
        if fd > 3:
            try:
                os.close(fd)
            except OSError:
                pass  # it was the one that the folder was listed with
    path, nonce, *modules = asked()
    # Either their names, or what to find them by and which of them to leave out.
    by_text = [one[1:].split("\t") for one in modules if one.startswith("@")]
    if by_text:
        left_out = {one[1:] for one in modules if one.startswith("!")}
        modules = [name for name in imports_of(*by_text[0]) if name not in left_out]
    before = set(opened())
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as thrown:
            # It may be imported under a condition.
            if by_text and isinstance(thrown, Exception):
                continue
            tell("failed", name, "cannot be imported", type(thrown).__name__ + ": " + str(thrown))
            os._exit(1)
        if len(os.listdir("/proc/self/task")) > 1:
            tell("failed", name, "starts a thread as it is loaded", "")
            os._exit(1)
        more = {fd: to for fd, to in opened().items() if fd not in before}
        if more:
            tell("failed", name, "opens something as it is loaded", ", ".join(more.values()))
            os._exit(1)

    # Those that somebody has made are not seeded anew by themselves.
    generators = [one for one in gc.get_objects() if issubclass(type(one), random.Random)]
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(256)
    own_namespaces = {name: os.stat("/proc/self/ns/" + name).st_ino for name in os.listdir("/proc/self/ns")}
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        tell("failed", "templates", "need Python 3.9 and Linux 5.3", "")
        os._exit(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    no_rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    # Without what Python does after each fork: those in between have no use for it, and stay small.
    raw_fork = ctypes.PyDLL(None, use_errno=True).fork
    # The kernel reaps those that it forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    tell("ready", sys.executable, "%d.%d" % sys.version_info[:2])

    def status_of(pid):
        with open("/proc/%s/status" % pid, encoding="latin1") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def refuse(why):
        raise RuntimeError(why)

    served = [""]  # the server that a fork is of, as soon as it is known

    def peer_of(client):
        asked = _socket.socket(fileno=client)
        found = asked.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        asked.detach()
        if int.from_bytes(found[4:8], sys.byteorder) != os.getuid():
            refuse("it is another user's")
        return int.from_bytes(found[:4], sys.byteorder)

    def receive(fd):
        """What the one to be replaced sends: its streams, words, folder and environment."""
        client = _socket.socket(fileno=fd)
        client.settimeout(10)
        head, passed, _, _ = client.recvmsg(4, _socket.CMSG_SPACE(12))
        streams = []
        for level, kind, data in passed:
            streams += [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data), 4)]
        while 0 < len(head) < 4:
            head += client.recv(4 - len(head)) or refuse("it has gone")
        left, parts = int.from_bytes(head, "little"), []
        while left > 0:
            part = client.recv(min(left, 65536)) or refuse("it has gone")
            parts.append(part)
            left -= len(part)
        client.settimeout(None)
        client.detach()
        said, *fields = b"".join(parts).split(b"\0")
        if said.decode("latin1") != nonce or len(streams) != 3:
            refuse("it is not known here")
        served[0] = fields.pop(0).decode()
        kind, at, groups = fields[0].decode(), int(fields[1]), int(fields[2])
        groups, fields = fields[3 : 3 + groups], fields[3 + groups :]
        folder, count = fields[0], int(fields[1])
        return streams, kind, at, groups, folder, fields[2 : 2 + count], fields[2 + count :]

    def shadowed(kind, target, folder):
        """A module of the project that would be taken for one of those that are loaded."""
        if getattr(sys.flags, "safe_path", False) or sys.flags.isolated:
            return
        place = folder if kind == "module" else os.path.dirname(os.path.realpath(os.path.join(folder, target)))
        for name in {name.split(".")[0] for name in modules}:
            one = os.path.join(place, os.fsencode(name))
            if os.path.exists(one + b".py") or os.path.isdir(one):
                refuse("the project has a module of its own that is called " + name)

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

    def enter(fd):
        check(libc.setns(fd, 0))
        os.close(fd)

    def become(peer, groups, folder):
        """Takes upon itself what the peer has; whatever is different and cannot be had is refused."""
        mine, its = status_of("self"), status_of(peer)
        if any(mine.get(key) != its.get(key) for key in ("Uid", "Gid", "Groups", "Seccomp", "Seccomp_filters")):
            refuse("it has another user, other groups or a filter of system calls")
        for file in groups:
            with open(file, "w") as group:
                group.write("0")
        kinds = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
        inside = int(its["NSpid"].split()[-1])
        bounds = [(kind, resource.prlimit(inside, kind)) for kind in kinds]
        root = os.stat("/proc/%d/root" % peer)
        # By now it stands in the user and in the PID namespace.
        other = [name for name in differing(peer) if name not in ("user", "pid")]
        if "time" in other:
            refuse("it has a time of its own")
        for name, fd in [(name, namespace_of(peer, name)) for name in sorted(other, key="mnt".__eq__)]:
            enter(fd)
        seen = os.stat("/")
        if (seen.st_dev, seen.st_ino) != (root.st_dev, root.st_ino):
            refuse("it has another root")
        os.chdir(folder)
        os.umask(int(its["Umask"], 8))
        for kind, bound in bounds:
            if resource.getrlimit(kind) != bound:
                resource.setrlimit(kind, bound)
        if its["NoNewPrivs"] != mine["NoNewPrivs"]:
            check(libc.prctl(38, 1, 0, 0, 0))
        mine = status_of("self")
        extra = int(mine["CapBnd"], 16) & ~int(its["CapBnd"], 16)
        for bit in range(64):
            if extra >> bit & 1:
                check(libc.prctl(24, bit, 0, 0, 0))
        sets = [int(its[key], 16) for key in ("CapEff", "CapPrm", "CapInh")]
        if sets != [int(mine[key], 16) for key in ("CapEff", "CapPrm", "CapInh")]:
            head = (ctypes.c_uint32 * 2)(0x20080522, 0)
            data = (ctypes.c_uint32 * 6)(*[one & 0xFFFFFFFF for one in sets], *[one >> 32 for one in sets])
            check(libc.capset(head, data))
        after = status_of("self")
        if any(after[key] != its[key] for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs")):
            refuse("its rights cannot be had")
        libc.prctl(4, 1, 0, 0, 0)  # for its keeper, who looks at /proc

    def renew(environment):
        """What it has in memory becomes that of a new process, and is the same in no two of them."""
        zone = os.environ.get("TZ")
        os.environ.clear()
        for one in [*coerced, *environment]:
            name, _, value = one.partition(b"=")
            if name:
                os.environb[name] = value
        if os.environ.get("TZ") != zone:
            time.tzset()
        for one in generators:
            try:
                one.seed()
            except Exception:
                pass
        loaded = sys.modules
        for name, key, value in (
            ("tempfile", "tempdir", None),
            ("tempfile", "_name_sequence", None),
            ("uuid", "_last_timestamp", None),
        ):
            if hasattr(loaded.get(name), key):
                setattr(loaded[name], key, value)
        if hasattr(loaded.get("numpy.random"), "seed"):
            loaded["numpy.random"].seed()
        if "multiprocessing.process" in loaded:
            loaded["multiprocessing.process"].current_process().authkey = os.urandom(32)

    def show(argv, environment):
        """For ps and for whoever looks for a worker by its environment."""
        with open("/proc/self/stat", encoding="latin1") as file:
            fields = [int(field) for field in file.read().rpartition(")")[2].split()[1:]]
        ends = []
        for at, words in ((44, argv), (46, environment)):
            start, end = fields[at], fields[at + 1]
            text = b"".join(word + b"\0" for word in words)
            # Too long a command line is cut short; half an environment would mislead.
            if start and (len(text) < end - start or at == 44):
                ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)
                end = min(end, start + len(text))
            ends += [start, end]
        # Where the kernel lets it, what is empty behind them is not shown.
        libc.sbrk.restype = ctypes.c_void_p
        code, data = fields[22:24], fields[41:44]
        places = [*code, *data[:2], data[2], libc.sbrk(0), fields[24], *ends, 0]
        map = (ctypes.c_uint64 * 13)(*places, 0xFFFFFFFF << 32)
        libc.prctl(35, 14, ctypes.byref(map), ctypes.sizeof(map), 0)

    def split():
        pid = raw_fork()
        return pid if pid >= 0 else check(pid)

    def fork(client):
        """In a child of the template. @returns what is to be run, in the process that is to run it"""
        try:
            os.close(listener.detach())
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            peer = peer_of(client)
            other = differing(peer)
            if "pid" not in other:
                refuse("it has no PID namespace of its own")
            # The user namespace first: it gives the right to enter others.
            for name in ("user", "pid"):
                if name in other:
                    enter(namespace_of(peer, name))
            # The first child is inside of the PID namespace. Its own belongs to the first process
            # there as soon as this one has ended, and so to the tree of the worker.
            inside = split()
            if inside != 0:
                os.waitpid(inside, 0)
                os._exit(0)
            if split() != 0:
                os._exit(0)
            beside, pid = os.getpid(), os.fork()
            if pid != 0:
                if "user" in other:
                    check(libc.capset(*no_rights))
                stand_by(pid, client)
            libc.prctl(1, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != beside:
                os._exit(1)
            os.setsid()
            return transform(client, peer)
        except BaseException as thrown:
            try:
                tell("refused", *served, str(thrown) or type(thrown).__name__)
                os.write(client, b"N\n")
            finally:
                os._exit(1)

    def transform(client, peer):
        streams, kind, at, groups, folder, argv, environment = receive(client)
        target, source = argv[at], None
        shadowed(kind, target, folder)
        become(peer, groups, folder)
        if kind == "file":
            with open(target, "rb") as file:
                source = file.read()
            if source.startswith(b"PK\3\4") or target.endswith(b".pyc"):
                refuse("it is no source text")
        tell("forked", *served)
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        for fd in (3, nothing, *streams):
            os.close(fd)
        renew(environment)
        show(argv, environment)
        os.write(client, b"P %d\n" % os.getpid())
        if os.read(client, 1) != b"G":
            os._exit(0)
        os.close(client)
        return kind, [os.fsdecode(word) for word in argv], at, source

    def stand_by(pid, client):
        """Waits beside a fork, as its parent, to tell how it ends; it ends with what stands for it."""
        os.setsid()
        watched = os.pidfd_open(pid)
        for number in range(3):
            os.dup2(nothing, number)
        os.close(nothing)
        os.close(3)
        watch = select.poll()
        watch.register(watched, select.POLLIN)
        watch.register(client, 0)
        while True:
            for fd, _ in watch.poll():
                if fd == client:
                    watch.unregister(client)
                    os.kill(pid, signal.SIGKILL)
                    continue
                _, status = os.waitpid(pid, 0)
                code = os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                try:
                    os.write(client, b"%s %d\n" % (b"S" if os.WIFSIGNALED(status) else b"E", code))
                finally:
                    os._exit(0)

    def by_hand(kind, argv, at, source):
        """As Python itself sets up what it is to run."""
        words = argv[at:]
        sys.argv = list(words)
        if hasattr(sys, "orig_argv"):
            sys.orig_argv = list(argv)
        places = not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))
        main = type(sys)("__main__")
        if sys.version_info < (3, 14):
            main.__dict__["__annotations__"] = {}
        main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = main
        if kind == "module":
            import runpy
            if places:
                sys.path.insert(0, os.getcwd())
            sys.argv[0] = "-m"
            return lambda: runpy._run_module_as_main(words[0], True)
        file = words[0]
        if not os.path.isabs(file):
            file = os.path.join(os.getcwd(), file)
        if places:
            sys.path.insert(0, os.path.dirname(os.path.realpath(file)))
        from importlib.machinery import SourceFileLoader
        main.__dict__.update(__loader__=SourceFileLoader("__main__", file), __file__=file, __cached__=None)
        return lambda: exec(compile(source, file, "exec", dont_inherit=True), main.__dict__)

    def without_us(trace):
        while trace is not None and trace.tb_frame.f_globals is own:
            trace = trace.tb_next
        return trace

    loop = select.poll()
    loop.register(0, select.POLLIN)
    loop.register(listener.fileno(), select.POLLIN)
    while True:
        for fd, _ in loop.poll():
            if fd == 0:
                # Nothing more is said there; its end is the gateway's.
                if not os.read(0, 65536):
                    os._exit(0)
                continue
            client = -1
            try:
                client, _ = listener._accept()
                pid = split()
            except OSError as thrown:
                # There is no room. Who waits for an answer takes the end for one.
                tell("refused", *served, str(thrown))
                time.sleep(0.01)
                pid = -1
            if pid == 0:
                return by_hand(*fork(client)), without_us
            if client >= 0:
                os.close(client)

_run, _without_us = template()
try:
    _run()
except SystemExit:
    raise
except BaseException:
    _hook = sys.excepthook

    def _told(kind, value, trace):
        value = value.with_traceback(_without_us(value.__traceback__))
        _hook(kind, value, value.__traceback__)

    sys.excepthook = _told
    raise
`
