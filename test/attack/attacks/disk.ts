import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { eventually } from '../../support/eventually.ts'
import { openRaw } from '../../support/raw-session.ts'
import type { Attack, Scene } from '../attack.ts'
import { callText, hostile, servers } from '../stage.ts'
import { withinLong } from '../wire.ts'

/** What a worker leaves in a folder of its session, as a script that it runs there. */
const leavings: readonly (readonly [what: string, script: string])[] = [
  [
    'a tree deeper than a path may be long',
    `for (let i = 0; i < 60; i += 1) { const n = 'd'.repeat(200); fs.mkdirSync(n); process.chdir(n) }
     fs.writeFileSync('f', 'x')`,
  ],
  [
    'folders without any mode',
    `fs.mkdirSync('a/b', { recursive: true }); fs.writeFileSync('a/b/c', 'x')
     fs.chmodSync('a/b', 0); fs.chmodSync('a', 0)`,
  ],
  ['20 000 files', `for (let i = 0; i < 20000; i += 1) fs.writeFileSync('f' + i, '')`],
  [
    'links that lead out',
    `fs.symlinkSync('/etc', 'etc'); fs.symlinkSync('..', 'up'); fs.symlinkSync('self', 'self')`,
  ],
  [
    'names that are no text',
    `fs.writeFileSync(Buffer.from([0xff, 0x0a, 0x1b]), ''); fs.writeFileSync('-rf *', '')`,
  ],
]

async function leave(scene: Scene, place: string, what: string, script: string): Promise<void> {
  const folder = scene.folder()
  const mcpServers = { evil: hostile({}) }
  const stage = await scene.own({ mcpServers }, { folder })
  const session = await openRaw(stage.mcp('evil'))
  const said = await callText(session, 'run', {
    script: `process.chdir(env.${place}); ${script}; return env.${place}`,
  })
  await session.remove()
  const isUnharmed = await stage.isUnharmed()
  scene.tried(`${what} in ${place}: the session's end`, isUnharmed, said)
  await stage.stop()
  try {
    const again = await scene.own({ mcpServers }, { folder })
    scene.tried(`${what} in ${place}: the next start`, await again.isUnharmed())
    if (place === 'TMPDIR' && typeof said === 'string') {
      const isGone = await eventually(() => {
        if (existsSync(said)) throw new Error(`${said} is there`)
        return true
      }).catch(() => false)
      scene.tried(`${what} in ${place}: it is removed`, isGone, said)
    }
    await again.stop()
  } catch (error) {
    scene.tried(`${what} in ${place}: the next start`, false, String(error).slice(-300))
  } finally {
    execFileSync('chmod', ['-R', 'u+rwx', folder], { stdio: 'ignore' })
  }
}

export const disk: Attack[] = [
  {
    section: 'disk',
    tries: 'what a session leaves behind and nobody can remove: depth, modes, links, names',
    does: 'it is put aside and removed beside everything else; what cannot be is told, and tried again',
    isLong: true,
    async run(scene) {
      for (const [what, script] of leavings) {
        for (const place of ['TMPDIR', 'BERTH_WORKSPACE']) await leave(scene, place, what, script)
      }
    },
  },
  {
    section: 'disk',
    tries: 'a file of 2 TiB that takes no room',
    does: 'retention counts blocks; the folders and logs of others stay',
    async run(scene) {
      const folder = scene.folder()
      const config = { mcpServers: { evil: servers.stdio } }
      const stage = await scene.own(config, { folder })
      const victim = await openRaw(stage.mcp('evil'))
      await callText(victim, 'stderr', { value: 'evidence of another session\n' })
      await victim.remove()
      const sessionsDir = join(stage.stateDir, 'sessions')
      const session = await openRaw(stage.mcp('evil'))
      await callText(session, 'run', {
        script: `const fd = fs.openSync(env.BERTH_WORKSPACE + '/x', 'w'); fs.ftruncateSync(fd, 2 * 1024 ** 4)`,
      })
      await session.remove()
      await stage.stop()
      const again = await scene.own(config, { folder })
      // Another session's end is what retention follows.
      const other = await openRaw(again.mcp('evil'))
      await other.remove()
      const after = readdirSync(sessionsDir)
      const { handle } = victim
      scene.tried('a sparse file', after.includes(handle), { handle, after })
    },
  },
  {
    section: 'disk',
    tries:
      'a worker without a sandbox puts pipes and endless files in the place of the own files of Berth',
    does: 'nobody waits for them; the next start names what has to be removed',
    async run(scene) {
      const folder = scene.folder()
      const config = { mcpServers: { evil: servers.stdio } }
      const stage = await scene.own(config, { folder })
      const plant = async (script: string): Promise<void> => {
        const session = await openRaw(stage.mcp('evil'))
        await callText(session, 'run', {
          script: `const { execFileSync } = process.getBuiltinModule('node:child_process')
            const state = ${JSON.stringify(stage.stateDir)}; ${script}`,
        })
        await session.remove()
      }
      for (const [what, script] of [
        [
          'a marker of 2 TiB',
          `fs.writeFileSync(state + '/workers/x.json', ''); fs.truncateSync(state + '/workers/x.json', 2 ** 41)`,
        ],
        ['a pipe for a marker', `execFileSync('mkfifo', [state + '/workers/y.json'])`],
        [
          'a pipe for the log of keepers',
          `fs.rmSync(state + '/keepers.log'); execFileSync('mkfifo', [state + '/keepers.log'])`,
        ],
      ] as const) {
        await plant(script)
        // It may have no answer but a refusal.
        await withinLong(openRaw(stage.mcp('evil'))).catch(() => undefined)
        scene.tried(what, await stage.isUnharmed(), stage.log().slice(-300))
      }
      await stage.stop()
      const again = await scene.own(config, { folder }).catch(String)
      const isTold = typeof again === 'string' && /is a pipe.*Run: rm /.test(again)
      scene.tried('the next start', isTold, typeof again === 'string' ? again : 'it starts')
    },
  },
]
