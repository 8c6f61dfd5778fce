/**
 * What is started in place of a server that is to be forked from a template: it hands over its
 * streams, and all that a fork should be like, to the template, and becomes a shell that stands for
 * the fork: it passes signals on, and ends as the fork does. Where no fork can be had, it becomes the
 * server itself, as if it had never been there.
 *
 * `python -I -S -c … COUNT COMMAND ARGS`, `COUNT` words of a command; what the template has to know
 * stands in `BERTH_TEMPLATE`, which the server does not get. Behind these words may stand those of a
 * sandbox: then it becomes that, with its connection to the template as descriptor 4, and
 * `holderProgram` in it stands where the server is to stand. It imports as little as it can: each
 * session waits for it.
 */
export const forkVariable = 'BERTH_TEMPLATE'

/** A fork leads a process group of its own, which signals of the keeper do not reach. */
const standIn = (pid: string, fd: number): string => String.raw`
pid=${pid} got=
for signal in HUP INT QUIT TERM USR1 USR2; do
  trap "got=1; kill -$signal -$pid 2>/dev/null" "$signal"
done
printf G >&${fd}
# A signal interrupts reading; the end of what waits beside the fork ends it.
while how= code=; ! read -r how code <&${fd}; do
  [ -n "$got" ] || break
  got=
done
case $how in
  E) exit "$code" ;;
  S) trap - HUP INT QUIT TERM USR1 USR2; ulimit -c 0; kill "-$code" $$; exit $((128 + code)) ;;
esac
# What waited beside the fork has been killed, and so has the fork.
kill -KILL $$
`

/**
 * The first in a sandbox: it shows itself to the template, which forks into where it stands, and stands
 * for the fork from then on. Without a template, or where it refuses, it becomes the server.
 * `sh -c … berth-fork COMMAND ARGS`
 */
export const holderProgram = String.raw`
trap "" PIPE
how= number=
if [ -e /proc/self/fd/4 ]; then
  printf H >&4
  read -r how number <&4
fi 2>/dev/null
if [ "$how" = P ]; then
  exec </dev/null >/dev/null 2>&1
${standIn('$number', 4).trim()}
fi
exec 4>&-
trap - PIPE
exec "$@"
`

export const forkProgram = String.raw`
import os, sys
import _signal, _socket

# Python ignores these, and what takes its place would inherit that.
for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
    _signal.signal(number, _signal.SIG_DFL)
# As it was given: Python itself may set variables.
with open("/proc/self/environ", "rb") as file:
    given = [one for one in file.read().split(b"\0") if b"=" in one]
mine = b"${forkVariable}="
setting = [one[len(mine):] for one in given if one.startswith(mine)][0]
given = [one for one in given if not one.startswith(mine)]
count = int(sys.argv[1]) + 2
words = [os.fsencode(word) for word in sys.argv[2:count]]
sandbox = [os.fsencode(word) for word in sys.argv[count:]]

def plainly():
    environment = dict(one.split(b"=", 1) for one in given)
    command = sandbox or words
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        sys.stderr.write("berth: %s cannot be started: %s\n" % (os.fsdecode(command[0]), error.strerror))
        os._exit(127)

try:
    path, nonce, server, kind, at, filter, *groups = setting.split(b"\n")
    template = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    template.settimeout(5)
    template.connect(path)
    text = b"\0".join([
        *(nonce, server, kind, at, b"sandbox" if sandbox else b"", filter, b"%d" % len(groups), *groups),
        *(b"%d" % len(words), *words, *(given if not sandbox else ())),
    ])
    text = len(text).to_bytes(4, "little") + text
    streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
    sent = template.sendmsg([text], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    template.sendall(text[sent:])
    said = template.recv(100)
except OSError:
    said = b""
if sandbox and said == b"R\n":
    template.setblocking(True)
    if template.fileno() != 4:
        os.dup2(template.fileno(), 4)
    os.set_inheritable(4, True)
    plainly()
if sandbox or not said.startswith(b"P "):
    try:
        template.close()
    except NameError:
        pass
    plainly()
pid = said[2:].split(b"\n")[0]
nothing = os.open("/dev/null", os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(nothing, fd)
template.setblocking(True)
os.dup2(template.fileno(), 3)
os.set_inheritable(3, True)
mark = dict(one.split(b"=", 1) for one in given if one.startswith(b"BERTH_WORKER_ID="))
os.execve("/bin/sh", ["sh", "-c", """${standIn('$1', 3)}""", "berth-fork", pid], mark)
`
