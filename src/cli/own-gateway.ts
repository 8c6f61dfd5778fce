/**
 * `mcp-berth` for a process that starts a gateway for itself: it holds the other end of stdin, and
 * whatever ends it, kill -9 included, ends that gateway and its workers.
 */
process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM')).resume()

await import('./main.ts')
