/**
 * The part of a template that finds out what a server imports: all of it for `preload: auto`, and what it
 * takes of the modules of a list. Some packages load what is in them only when somebody asks for it.
 */
export const importsProgram = String.raw`
def imports_of(kind, *targets):
    """What a server imports from outside of its project, by its texts: nothing of it is run."""
    import ast
    found, seen = {}, set()  # modules, and what is taken out of them
    places = [os.getcwd() if kind == "module" else os.path.dirname(os.path.realpath(targets[0]))]
    # A module that is run is the server, wherever it is installed.
    own_name = targets[0].split(".")[0] if kind == "module" else None

    def file_of(name, within):
        for place in within:
            base = os.path.join(place, *name.split("."))
            for file in (base + ".py", os.path.join(base, "__main__.py"), os.path.join(base, "__init__.py")):
                if os.path.isfile(file):
                    return file

    def name_found(name):
        top = name.split(".")[0]
        of_project = file_of(top, places)
        if of_project is None and top != own_name:
            found[name] = True
        else:
            scan(file_of(name, places if of_project else sys.path))
            scan(of_project or file_of(top, sys.path))

    def taken(name, one):
        if name in found and one != "*":
            found[name + "." + one] = True
        elif one != "*":
            scan(file_of(name + "." + one, places))

    def scan(file):
        if file is None or file in seen:
            return
        seen.add(file)
        try:
            with open(file, "rb") as text:
                nodes = list(ast.parse(text.read()).body)
        except (OSError, SyntaxError, ValueError):
            return
        called = {}  # by which names the file knows modules
        while nodes:
            node = nodes.pop(0)
            if isinstance(node, ast.Import):
                for one in node.names:
                    name_found(one.name)
                    if one.asname or "." not in one.name:
                        called[one.asname or one.name] = one.name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                name_found(node.module)
                for one in node.names:
                    taken(node.module, one.name)
            elif isinstance(node, ast.ImportFrom):
                folder = os.path.dirname(file)
                for _ in range(node.level - 1):
                    folder = os.path.dirname(folder)
                for name in [node.module] if node.module else [one.name for one in node.names]:
                    scan(file_of(name, [folder]))
            elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inside = list(ast.iter_child_nodes(node))
                nodes += [one for one in inside if isinstance(one, (ast.stmt, ast.ExceptHandler))]
                for one in inside:
                    for part in ast.walk(one) if isinstance(one, ast.expr) else ():
                        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                            if called.get(part.value.id) in found:
                                taken(called[part.value.id], part.attr)

    for target in targets:
        if kind == "module" and target == targets[0]:
            name_found(target)
        else:
            scan(os.path.realpath(target))
    return [*found]
`
