/** The part of a fork that waits beside it, to tell how it ends. */
export const standByProgram = String.raw`
    def stand_by(pid, client, streams):
        """Waits beside a fork, as its parent, to tell how it ends; it ends with what stands for it."""
        os.setsid()
        watched = os.pidfd_open(pid)
        for fd in streams:
            os.close(fd)
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
`
