/**
 * Begins a template whose forks go into sandboxes: `python -I -S -c … PROGRAM WRITABLE* -- FLAGS`.
 *
 * `/proc/PID/exe` of a fork leads to the file that its template was begun with, past all mounts of the
 * sandbox, and who owns that file could write it from inside (as CVE-2019-5736 did with runc), or leave
 * something at it for other sessions. So it is begun as the system's dynamic loader, which maps Python
 * itself as a library, to which no such link leads: that is either somebody else's file, or, for root,
 * one in a mount that is read-only.
 *
 * It comes before any code that is installed beside Python is run, and refuses where sessions may write:
 * they could leave something there that would be loaded outside of their sandbox.
 */
export const sealProgram = String.raw`
import os, sys

def fail(*words):
    os.write(3, ("\t".join(("never", *words)) + "\n").encode("utf-8", "replace"))
    os._exit(1)

at = sys.argv.index("--")
program, writable, flags = sys.argv[1], sys.argv[2:at], sys.argv[at + 1 :]
real, shown = os.path.realpath("/proc/self/exe"), sys.executable
places = [
    *(os.path.dirname(os.path.dirname(one)) for one in (real, shown)),
    *(sys.prefix, sys.exec_prefix, os.path.expanduser("~/.local/lib")),
    *filter(None, os.environ.get("PYTHONPATH", "").split(":")),
]
for place in map(os.path.realpath, places):
    for folder in map(os.path.realpath, writable):
        if os.path.commonpath([place, folder]) in (place, folder):
            fail(place, "is where sessions may write", folder)

def loader_of(path):
    with open(path, "rb") as file:
        head = file.read(64)
        number = lambda text, at, size: int.from_bytes(text[at : at + size], sys.byteorder)
        if head[:5] != b"\x7fELF\2":
            return None
        for each in range(number(head, 56, 2)):
            file.seek(number(head, 32, 8) + each * number(head, 54, 2))
            part = file.read(56)
            if number(part, 0, 4) == 3:
                file.seek(number(part, 8, 8))
                return file.read(number(part, 32, 8)).rstrip(b"\0")

def make_read_only(file):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def done(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    flags = os.statvfs(file).f_flag & 14  # nosuid, nodev and noexec have to stay
    done(libc.unshare(0x20000))
    done(libc.mount(b"none", b"/", None, 0x84000, None))  # what is unmounted outside, is here as well
    done(libc.mount(file, file, None, 0x1000, None))
    done(libc.mount(b"none", file, None, 0x1021 | flags, None))
    if not os.statvfs(file).f_flag & 1:
        raise OSError("its mount stays writable")

loader = loader_of(real)
if loader is None:
    fail(real, "has no dynamic loader, and only with one can it be forked into a sandbox", "")
with open("/proc/self/environ", "rb") as file:
    given = dict(one.split(b"=", 1) for one in file.read().split(b"\0") if b"=" in one)
try:
    loader = os.path.realpath(loader)
    if os.getuid() == 0:
        make_read_only(loader)
    elif os.stat(loader).st_uid == os.getuid() or os.access(loader, os.W_OK):
        fail(os.fsdecode(loader), "is writable, and a sandbox could not keep a fork from it", "")
    os.execve(loader, ["ld.so", "--argv0", shown, real, *flags, "-c", program], given)
except (AttributeError, OSError) as error:
    fail("a Python for sandboxes", "cannot be begun", str(error))
`
