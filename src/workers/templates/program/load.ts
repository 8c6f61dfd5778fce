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
        # Either their names, or what to find them by and which of them to leave out.
        by_text = [one[1:].split("\t") for one in modules if one.startswith("@")]
        if by_text:
            left_out = {one[1:] for one in modules if one.startswith("!")}
            modules = [name for name in imports_of(*by_text[0]) if name not in left_out]
        for place in sys.path:
            touched(place, guarded)
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
        return modules

    def touched(place, guarded):
        """Where sessions may write, one of them could leave what is loaded outside of its sandbox."""
        place = os.path.realpath(place)
        for folder in guarded:
            if os.path.commonpath([place, folder]) in (place, folder):
                tell("failed", place, "is where sessions may write", folder)
                os._exit(1)
`
