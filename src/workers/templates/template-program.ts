import { importsProgram } from './imports-program.ts'
import { enterProgram } from './program/enter.ts'
import { loadProgram } from './program/load.ts'
import { receiveProgram } from './program/receive.ts'
import { renewProgram } from './program/renew.ts'
import { runProgram } from './program/run.ts'
import { standByProgram } from './program/stand-by.ts'

/**
 * The template: a Python that has loaded modules, and is forked for each session. It runs as
 * `python -c`, so that nothing on the disk can be changed under it. Python 3.9 and later, Linux.
 *
 * On stdin it gets its socket, its nonce, and the modules (after an `@` texts to find more by, after a
 * `!` what to leave out of that, after a `~` folders that sessions may write), one a line, and an empty line; the end of stdin is its own end. On descriptor 3 it tells
 * `ready`, or `failed` with a module, or `never`, and why, and from then on `forked` or `refused` with its server, and why, for
 * each session.
 *
 * Whoever connects to the socket (`fork-program.ts`) stands where the server is to stand, or begins a
 * sandbox in which somebody does: by the pid that the kernel vouches for, the fork finds the
 * namespaces, limits, groups, rights and filter that it takes upon itself, and what it cannot take upon
 * itself it refuses. So a fork has no more than a plain start would have. What waits beside it has no
 * more either, since a server could take it over. The template never reads what a session sends: its
 * forks do, or each would bear traces of those before it.
 */
export const templateProgram = String.raw`
import sys
_before = {name.partition(".")[0] for name in sys.modules}  # as in each Python, before it runs anything
import os

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
${loadProgram}    # What whoever started the gateway left open would be open in every session.
    for fd in opened():
        if fd > 3:
            try:
                os.close(fd)
            except OSError:
                pass  # it was the one that the folder was listed with
    path, nonce, *modules = asked()
    guarded = [os.path.realpath(one[1:]) for one in modules if one.startswith("~")]
    modules = load([one for one in modules if not one.startswith("~")], guarded)
    # What a sandbox has to show as well, since it is the same only then.
    seen = {}
    for one in list(sys.modules.values()):
        try:
            found = os.stat(one.__file__)
        except (AttributeError, OSError, TypeError):
            continue
        seen[one.__file__] = (found.st_size, found.st_mtime_ns)
    places_there = {place for place in sys.path if os.path.exists(place)}

    # Those that somebody has made are not seeded anew by themselves.
    generators = [one for one in gc.get_objects() if issubclass(type(one), random.Random)]
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(256)
    own_namespaces = {name: os.stat("/proc/self/ns/" + name).st_ino for name in os.listdir("/proc/self/ns")}
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        tell("never", "templates", "need Python 3.9 and Linux 5.3", "")
        os._exit(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    credentials_kind = getattr(_socket, "SCM_CREDENTIALS", 2)
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
${receiveProgram}
    def shadowed(kind, target):
        """A module of the project that would be taken for one of those that are loaded."""
        if getattr(sys.flags, "safe_path", False) or sys.flags.isolated:
            return
        folder = os.getcwdb()
        place = folder if kind == "module" else os.path.dirname(os.path.realpath(os.path.join(folder, target)))
        try:
            there = set(os.listdir(place))
        except OSError:
            return
        named = {name.partition(".")[0] for name in modules}
        for name in sorted({name.partition(".")[0] for name in sys.modules} - _before):
            one = os.fsencode(name)
            # A folder without that is a package only if there is nothing else of its name. What is no
            # folder is none: the program fastmcp is not the module.
            path = os.path.join(place, one)
            is_package = one in there and os.path.isdir(path) and (
                name in named or os.path.exists(os.path.join(path, b"__init__.py"))
            )
            if one + b".py" in there or is_package:
                refuse("the project has a module of its own that is called " + name)
${enterProgram}${renewProgram}
    def split():
        pid = raw_fork()
        return pid if pid >= 0 else check(pid)

    def fork(fd):
        """In a child of the template. @returns what is to be run, in the process that is to run it"""
        client = _socket.socket(fileno=fd)
        try:
            os.close(listener.detach())
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            client.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
            streams, kind, at, is_sandbox, filter, groups, argv, environment = receive(client)
            peer = holder_of(client) if is_sandbox else peer_of(client)
            client.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 0)
            client.detach()
            if is_sandbox:
                # With what stands around it: it is the sandbox's.
                environment = environment_of(peer)
            finish = become(peer, groups, filter, fd)
            # The first child is inside of the PID namespace. Its own belongs to the first process
            # there as soon as this one has ended, and so to the tree of the worker.
            inside = split()
            if inside != 0:
                os.waitpid(inside, 0)
                os._exit(0)
            finish()
            source = source_of(kind, argv[at], is_sandbox)
            tell("forked", *served)
            # From here on a server could take over what waits beside it, with all that it has.
            empty = os.open("/dev/null", os.O_RDWR)
            for number in range(3):
                os.dup2(empty, number)
            for one in (3, empty, nothing):
                os.close(one)
            if split() != 0:
                os._exit(0)
            beside, pid = os.getpid(), os.fork()
            if pid != 0:
                stand_by(pid, fd, streams)
            libc.prctl(1, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != beside:
                os._exit(1)
            os.setsid()
            return transform(fd, is_sandbox, streams, kind, at, argv, environment, source)
        except BaseException as thrown:
            try:
                tell("refused", *served, str(thrown) or type(thrown).__name__)
                os.write(fd, b"N\n")
            finally:
                os._exit(1)

    def source_of(kind, target, is_sandbox):
        shadowed(kind, target)
        if is_sandbox:
            look_again()
        if kind != "file":
            return None
        with open(target, "rb") as file:
            source = file.read()
        if source.startswith(b"PK\3\4") or target.endswith(b".pyc"):
            refuse("it is no source text")
        return source

    def transform(client, is_sandbox, streams, kind, at, argv, environment, source):
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        for fd in streams:
            os.close(fd)
        renew(environment)
        show(argv, environment)
        if is_sandbox:
            # By hand it would bear the name of its program, and not of what the template was begun with.
            libc.prctl(15, os.path.basename(argv[0]), 0, 0, 0)
        os.write(client, b"P %d\n" % os.getpid())
        if os.read(client, 1) != b"G":
            os._exit(0)
        os.close(client)
        return kind, [os.fsdecode(word) for word in argv], at, source

    def look_again():
        """A sandbox shows another part of the machine."""
        for file, was in seen.items():
            try:
                found = os.stat(file)
            except OSError:
                refuse(file + " is not shown in its sandbox")
            if (found.st_size, found.st_mtime_ns) != was:
                refuse(file + " is another one in its sandbox")
        sys.path[:] = [one for one in sys.path if one not in places_there or os.path.exists(one)]
        importlib.invalidate_caches()
        if hasattr(sys.modules.get("platform"), "_uname_cache"):
            sys.modules["platform"]._uname_cache = None

${standByProgram}${runProgram}
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
