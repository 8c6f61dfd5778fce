import { postRpc } from '../../support/raw-http.ts'
import { openRaw } from '../../support/raw-session.ts'
import type { Attack } from '../attack.ts'
import { hostile } from '../stage.ts'
import { withinLong } from '../wire.ts'

const call = (name: string, args: object): object => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})

export const fairness: Attack[] = [
  {
    section: 'fairness',
    tries: 'starts that do not end: slow first calls, servers that never answer, all places taken',
    does: 'another server, and another principal, are started meanwhile',
    async run(scene) {
      const stage = await scene.own({
        maxStarting: 2,
        drainMs: 0,
        mcpServers: {
          slow: hostile({}, { transport: 'http', mode: 'stateless' }),
          never: hostile({ HOSTILE: 'never' }),
        },
      })
      const stop = new AbortController()
      const calls = Array.from({ length: 6 }, () =>
        postRpc(stage.mcp('slow'), call('sleep', { ms: 600_000 }), { signal: stop.signal }).catch(
          () => undefined,
        ),
      )
      const hanging = Array.from({ length: 20 }, () =>
        openRaw(stage.mcp('never'), undefined).catch(() => undefined),
      )
      const opened = await withinLong(openRaw(stage.mcp('good')))
      scene.tried('six slow first calls and twenty that hang', opened !== 'nothing')
      scene.tried('the session beside them goes on', await stage.isUnharmed())
      stop.abort()
      await Promise.all(calls)
      // What hangs is given up by the gateway's end.
      await stage.stop()
      await Promise.all(hanging)
    },
  },
]
