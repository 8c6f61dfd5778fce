import assert from 'node:assert/strict'
import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { descendants } from '../support/processes.ts'
import { call, open, startRig } from './rig.ts'

interface About {
  env: Record<string, string>
  cwd: string
  umask: number
  args: string[]
}

const noProc = process.platform === 'linux' ? false : 'no /proc here'

suite('the environment of a worker', { concurrency: 4 }, () => {
  test('is what its spec says and the id of the worker, over stdio', async (t) => {
    const rig = startRig(t)
    const spec = rig.spec(['tells-who.js'], {
      env: { ONLY: 'this', EMPTY: '', ODD: 'a=b "c"\n$d' },
    })
    const worker = await rig.startSpec(spec)
    const { env, cwd } = await call<About>(worker, await open(worker), 'about')
    assert.deepEqual(env, { ...spec.env, BERTH_WORKER_ID: spec.workerId })
    assert.equal(cwd, realpathSync(spec.cwd))
  })

  test('has PORT beside that, over HTTP', async (t) => {
    const rig = startRig(t)
    const spec = rig.spec(['tells-who.js'], { http: true, env: { ONLY: 'this' } })
    const worker = await rig.startSpec(spec)
    const { env } = await call<About>(worker, await open(worker), 'about')
    const PORT = new URL(worker.endpoint.origin).port
    assert.deepEqual(env, { ...spec.env, PORT, BERTH_WORKER_ID: spec.workerId })
  })

  test('has the permissions for new files that the gateway was started with', async (t) => {
    const umask = process.umask(0o027)
    t.after(() => void process.umask(umask))
    const worker = await startRig(t).start(['tells-who.js'])
    const about = await call<About>(worker, await open(worker), 'about')
    assert.equal(about.umask, 0o027)
  })

  test('is decided by the PATH of the worker, not by that of the gateway', async (t) => {
    const rig = startRig(t)
    const node = process.execPath
    const command = [
      'sh',
      '-c',
      'echo "$PATH" >&2; exec "$0" -e "setInterval(Date.now, 9999)"',
      node,
    ]
    const worker = await rig.start(command, { env: { PATH: '/usr/bin:/bin' } })
    await eventually(async () => assert.deepEqual(await worker.lastLines(), ['/usr/bin:/bin']))
  })

  test('has neither the nonce nor anything of the gateway', { skip: noProc }, async (t) => {
    process.env['BERTH_TEST_SECRET'] = 'a secret of the gateway'
    t.after(() => delete process.env['BERTH_TEST_SECRET'])
    const rig = startRig(t)
    const { handle, endpoint } = await rig.start(['tells-who.js'])
    const file = join(rig.markerDir, `${handle.workerId}.json`)
    const { nonce } = JSON.parse(readFileSync(file, 'utf8')) as { nonce: string }
    assert.deepEqual(Object.values(endpoint.headers), [nonce])

    const keeper = Number(handle.pid)
    const tree = [keeper, ...descendants(keeper).map(({ pid }) => pid)]
    assert.ok(tree.length > 1)
    for (const pid of tree) {
      for (const name of ['cmdline', 'environ']) {
        const text = readFileSync(`/proc/${pid}/${name}`, 'utf8')
        assert.ok(!text.includes(nonce), `the nonce is in ${name}`)
        assert.ok(!text.includes('a secret of the gateway'), `the gateway is in ${name}`)
      }
    }
  })
})
