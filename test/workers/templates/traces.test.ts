import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import test from 'node:test'
import type { TestContext } from 'node:test'

import { needed } from '../../support/needs.ts'
import { tempDir } from '../../support/temp.ts'
import type { RigOptions } from '../rig.ts'
import { outputOf, skipWithoutNamespace, skipWithoutSandbox } from '../rig.ts'
import { startForkRig } from './fork-rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutNamespace : python.skip }
const interpreter = python.skip === false ? python.path : ''

/** Searches its own memory, without what it reads that with. */
const looksAround = `
import json, os, random, re, sys, tempfile, uuid
found = set()
pattern = re.compile(b'CAN' + b'ARY-[0-9a-f]{16}')
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
    for line in maps:
        place, rights = line.split()[:2]
        if 'r' not in rights or line.endswith(('[vvar]\\n', '[vsyscall]\\n', '[vvar_vclock]\\n')): continue
        start, end = (int(one, 16) for one in place.split('-'))
        for at in range(start, end, 1 << 20):
            try:
                memory.seek(at)
                found.update(pattern.findall(memory.read(min(1 << 20, end - at))))
            except (OSError, ValueError): pass
fds = {}
for fd in os.listdir('/proc/self/fd'):
    try: fds[int(fd)] = re.sub('[0-9]+', '', os.readlink('/proc/self/fd/' + fd))
    except OSError: pass
print(json.dumps({
    'canaries': sorted(one.decode() for one in found),
    'fds': fds,
    'drawn': [random.random(), shared.random(), str(uuid.uuid1()), str(uuid.uuid4()),
        os.urandom(8).hex(), next(tempfile._get_candidate_names()), multiprocessing.current_process().authkey.hex()],
    'temporary': tempfile.gettempdir(),
    'threads': len(os.listdir('/proc/self/task')),
    'processes': sorted(int(one) for one in os.listdir('/proc') if one.isdigit()),
    'groups': [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()],
}), file=sys.stderr)
`
const text = `
import multiprocessing, os
from holds_state import shared
${looksAround.trimStart()}`

interface Seen {
  canaries: string[]
  fds: Record<string, string>
  drawn: (string | number)[]
  temporary: string
  threads: number
  processes: number[]
  groups: boolean[]
}

const kinds: Record<string, RigOptions> = {
  'in a keeper of its own': {},
  'in a keeper with others': { sessionsPerKeeper: 8 },
  'in a sandbox': { isolation: 'sandbox' },
  'in a sandbox, in a keeper with others': { isolation: 'sandbox', sessionsPerKeeper: 8 },
}

for (const [name, kind] of Object.entries(kinds)) {
  const skip = kind.isolation === 'sandbox' ? options.skip || skipWithoutSandbox : options.skip
  test(`a fork bears no trace of another, nor of its template: ${name}`, { skip }, (t) =>
    traces(t, kind),
  )
}

async function traces(t: TestContext, kind: RigOptions): Promise<void> {
  const modules = tempDir(t)
  writeFileSync(`${modules}/holds_state.py`, 'import random\nshared = random.Random(7)\n')
  const preload = ['random', 'uuid', 'tempfile', 'multiprocessing', 'holds_state', 'json', 're']
  const mounts = [{ from: modules, to: modules, write: false }]
  const rig = startForkRig(t, interpreter, { ...kind, preload, env: { PYTHONPATH: modules } })
  await rig.ready()

  const look = async (): Promise<Seen & { canary: string; tmp: string }> => {
    const canary = `CANARY-${randomBytes(8).toString('hex')}`
    const tmp = tempDir(t)
    const spec = rig.python(text, {
      args: [canary],
      env: { PYTHONPATH: modules, SECRET: canary, TMPDIR: tmp },
      credentials: { TOKEN: canary },
      sandbox: { mounts },
    })
    const { exited } = await rig.startSpec(spec)
    await exited
    await rig.was('forked')
    const output = outputOf(spec)
    assert.ok(output.startsWith('{'), output)
    return { ...(JSON.parse(output) as Seen), canary, tmp }
  }
  const [one, two, three] = [await look(), await look(), await look()]
  for (const { canaries, canary, fds, temporary, tmp, threads, groups, processes } of [
    one,
    two,
    three,
  ]) {
    assert.deepEqual(canaries, [canary])
    assert.equal(temporary, kind.isolation === 'sandbox' ? '/tmp' : tmp)
    assert.equal(threads, 1)
    assert.deepEqual(groups, [true, true])
    // The first of its namespace, its keeper or none, what stands for it and beside it, and itself.
    assert.ok(processes.length <= 5, processes.join(' '))
    const others = Object.entries(fds).filter(([fd]) => Number(fd) > 2)
    assert.deepEqual(
      others.map(([, to]) => to).filter((to) => !/^\/proc\//.test(to)),
      [],
    )
  }
  for (const [at, drawn] of one.drawn.entries()) {
    const all = new Set([drawn, two.drawn[at], three.drawn[at]])
    assert.equal(all.size, 3, `${at}: ${[...all].join(' ')}`)
  }
}
