/** The part of a template that imports its modules, and sees that they have no state. */
export const loadProgram = String.raw`
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

    def load(modules, guarded):
        """Imports them, and ends where one of them would have state."""
        # Names, and what more to find them by; of that, some may be left out.
        named = [one for one in modules if one[0] not in "@!"]
        left_out = {one[1:] for one in modules if one.startswith("!")}
        more = [name for one in modules if one[0] == "@" for name in imports_of(*one[1:].split("\t"))]
        if named:
            more = [name for name in more if any(name.startswith(one + ".") for one in named)]
        modules = [*dict.fromkeys([*named, *(name for name in more if name not in left_out)])]
        for place in sys.path:
            touched(place, guarded)
        before = set(opened())
        for name in modules:
            try:
                load_one(name)
            except BaseException as thrown:
                # It may be imported under a condition.
                if name not in named and isinstance(thrown, Exception):
                    continue
                tell("failed", name, "cannot be imported", type(thrown).__name__ + ": " + str(thrown))
                os._exit(1)
            if len(os.listdir("/proc/self/task")) > 1:
                tell("failed", name, "starts a thread as it is loaded", "")
                os._exit(1)
            opened_now = {fd: to for fd, to in opened().items() if fd not in before}
            if opened_now:
                tell("failed", name, "opens something as it is loaded", ", ".join(opened_now.values()))
                os._exit(1)
        return modules

    def load_one(name):
        """As from … import … does: some packages load what is in them when it is asked for."""
        package, _, one = name.rpartition(".")
        if package:
            found = importlib.import_module(package)
            if hasattr(found, one):
                return
        importlib.import_module(name)

    def touched(place, guarded):
        """Where sessions may write, one of them could leave what is loaded outside of its sandbox."""
        place = os.path.realpath(place)
        for folder in guarded:
            if os.path.commonpath([place, folder]) in (place, folder):
                tell("never", place, "is where sessions may write", folder)
                os._exit(1)
`
