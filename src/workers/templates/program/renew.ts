/** The part of a fork that makes its memory, and what is shown of it, that of a new process. */
export const renewProgram = String.raw`
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
`
