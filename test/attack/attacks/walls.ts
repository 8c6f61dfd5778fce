import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { openRaw } from '../../support/raw-session.ts'
import type { Attack, Scene } from '../attack.ts'
import type { Stage } from '../stage.ts'
import { callText, hostile } from '../stage.ts'

/** A folder with everything that no worker may see, and a configuration that uses it. */
function house(scene: Scene): string {
  const folder = scene.folder()
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  }
  write('secrets.yaml', 'shared: { A: HIDDEN_SECRET }\n')
  write('srv.env', 'E=HIDDEN_ENV\n')
  write('data/sub/own.txt', 'own')
  write('outside/secret', 'HIDDEN_OUTSIDE')
  symlinkSync('.', join(folder, 'link-to-all'))
  symlinkSync('..', join(folder, 'data', 'link-up'))
  return folder
}

const configured = (mounts: readonly object[], folder: string) => ({
  secrets: { file: './secrets.yaml' },
  mcpServers: {
    evil: hostile(
      { X: '${secret:A}', INLINE: 'HIDDEN_INLINE' },
      { isolation: 'sandbox', envFile: './srv.env', mounts, cwd: folder },
    ),
  },
})

/** Looks through all that it can reach for what it must not. */
const search = `
  const found = []
  const look = (path, depth) => {
    let names
    try { names = fs.readdirSync(path, { withFileTypes: true }) } catch { return }
    for (const entry of names) {
      const at = path + '/' + entry.name
      if (entry.isDirectory() && depth > 0) look(at, depth - 1)
      if (!entry.isFile() || /[.]m?js$/.test(at)) continue
      try {
        const text = fs.readFileSync(at, 'utf8').slice(0, 1e5)
        const hit = /HIDDEN_[A-Z]+|"token" *: *"....|"adminUrl"/.exec(text)
        if (hit !== null) found.push(at + ': ' + hit[0])
      } catch {}
    }
  }
  for (const root of roots) look(root, 5)
  return found.join(' | ')`

async function searched(stage: Stage, roots: readonly string[]): Promise<unknown> {
  const session = await openRaw(stage.mcp('evil'))
  const script = `const roots = ${JSON.stringify(roots)}; ${search}`
  return callText(session, 'run', { script })
}

export const walls: Attack[] = [
  {
    section: 'walls',
    tries: 'mounts that show what is hidden: the working folder, its parents, links, the state',
    does: 'what is hidden is hidden on every way, or the configuration is refused with the reason',
    needs: 'sandbox',
    async run(scene) {
      const names = [
        '.',
        '..',
        './data/..',
        './link-to-all',
        './data/link-up',
        './state',
        '/',
        '/proc',
      ]
      for (const from of names) {
        const folder = house(scene)
        const config = configured([{ from, to: '/shown' }], folder)
        let stage: Stage
        try {
          stage = await scene.own(config, { folder })
        } catch (error) {
          scene.tried(`mounts: ${from} is refused`, /mounts/.test(String(error)), String(error))
          continue
        }
        const found = await searched(stage, ['/shown', folder]).catch(() => 'refused at the start')
        const held = found === '' || found === 'refused at the start'
        scene.tried(`mounts: ${from} shows nothing hidden`, held, found)
        await stage.stop()
      }
    },
  },
  {
    section: 'walls',
    tries: 'a folder that one session changes for a link, for the next one to mount',
    does: 'refused, or mounted as it was',
    needs: 'sandbox',
    async run(scene) {
      const folder = house(scene)
      const mounts = [
        { from: './data', to: '/data', write: true },
        { from: './data/sub', to: '/sub' },
      ]
      let stage: Stage
      try {
        stage = await scene.own(configured(mounts, folder), { folder })
      } catch (error) {
        scene.tried('refused at the start', /mounts/.test(String(error)), String(error))
        return
      }
      const first = await openRaw(stage.mcp('evil'))
      await callText(first, 'run', {
        script: `fs.renameSync('/data/sub', '/data/old'); fs.symlinkSync('${folder}/outside', '/data/sub')`,
      })
      const found = await searched(stage, ['/sub']).catch(() => '')
      scene.tried('the next session sees nothing of elsewhere', found === '', found)
    },
  },
  {
    section: 'walls',
    tries: 'a state directory that others may write, or in which links were planted',
    does: 'the gateway does not start, and says which line mends it',
    async run(scene) {
      for (const [what, plant] of [
        ['everybody may write it', (state: string) => chmodSync(state, 0o777)],
        [
          'a link in it',
          (state: string) => {
            mkdirSync(join(dirname(state), 'elsewhere'))
            symlinkSync(join(dirname(state), 'elsewhere'), join(state, 'sessions'))
          },
        ],
        [
          'it is a link into a folder of everybody',
          (state: string) => {
            const common = join(dirname(state), 'common')
            mkdirSync(join(common, 'state'), { recursive: true })
            chmodSync(common, 0o777)
            chmodSync(join(common, 'state'), 0o777)
            rmSync(state, { recursive: true })
            symlinkSync(join(common, 'state'), state)
          },
        ],
      ] as const) {
        const folder = scene.folder()
        const state = join(folder, 'state')
        mkdirSync(state)
        plant(state)
        try {
          const stage = await scene.own({}, { folder })
          scene.tried(what, false, 'it starts')
          await stage.stop()
        } catch (error) {
          scene.tried(what, /it ended with/.test(String(error)), String(error))
        }
      }
    },
  },
  {
    section: 'walls',
    tries: 'a umask that gives everything away, or nothing',
    does: 'modes hold for all that is made',
    async run(scene) {
      const { lstatSync, readdirSync } = await import('node:fs')
      for (const mask of ['000', '777']) {
        const wrap = ['sh', '-c', `umask ${mask}; exec "$@"`, 'sh']
        const stage = await scene.own({}, { wrap })
        const open: string[] = []
        for (const name of readdirSync(stage.stateDir, { recursive: true, encoding: 'utf8' })) {
          const { mode } = lstatSync(join(stage.stateDir, name))
          if ((mode & 0o077) !== 0) open.push(`${name} ${(mode & 0o777).toString(8)}`)
        }
        // Below the state directory, which is 0700 itself, only its own folders are looked at.
        const { mode } = lstatSync(stage.stateDir)
        const held = (mode & 0o077) === 0 && !open.some((entry) => !entry.includes('/'))
        scene.tried(`umask ${mask}`, held, open)
      }
    },
  },
]
