/** The part of a fork that runs the server, as Python itself would. */
export const runProgram = String.raw`
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
`
