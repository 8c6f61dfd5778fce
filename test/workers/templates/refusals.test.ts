import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

import { eventually } from '../../support/eventually.ts'
import { needed } from '../../support/needs.ts'
import { tempDir } from '../../support/temp.ts'
import { noNamespace, outputOf, skipWithoutNamespace } from '../rig.ts'
import { startForkRig } from './fork-rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutNamespace : python.skip }
const interpreter = python.skip === false ? python.path : ''

const modules: Record<string, [text: string, told: RegExp]> = {
  starts_a_thread: [
    'import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n',
    /preload: starts_a_thread starts a thread as it is loaded\./,
  ],
  opens_a_file: [
    'kept = open("/etc/hostname")\n',
    /preload: opens_a_file opens something as it is loaded \(\/etc\/hostname\)\./,
  ],
  fails: ['1/0\n', /preload: fails cannot be imported \(ZeroDivisionError: division by zero\)\./],
  leaves: [
    'import os\nos.write(2, b"gone\\n")\nos._exit(3)\n',
    /ended before it was ready: gone\. /,
  ],
  no_such_module_here: [
    '',
    /cannot be imported \(ModuleNotFoundError: No module named .*Install it/,
  ],
}

for (const [name, [text, told]] of Object.entries(modules)) {
  test(`no template: ${name}`, options, async (t) => {
    const folder = tempDir(t)
    if (text !== '') writeFileSync(join(folder, `${name}.py`), text)
    const rig = startForkRig(t, interpreter, { preload: [name], env: { PYTHONPATH: folder } })
    await eventually(() => assert.match(rig.said.join('\n'), told))
    const spec = rig.python('import sys\nprint("serves", file=sys.stderr)\n')
    const { exited } = await rig.startSpec(spec)
    assert.equal((await exited).code, 0)
    assert.match(outputOf(spec), /serves/)
    assert.deepEqual(rig.outcomes, ['plain'])
    assert.equal(rig.said.length, 1)
  })
}

for (const [preload, name] of [
  ['colorsys', 'colorsys'],
  // Which imports it.
  ['plistlib', 'datetime'],
  // Which the template itself uses.
  ['colorsys', 'ctypes'],
] as const) {
  test(`a module of the project comes before one of the template: ${name}`, options, async (t) => {
    const rig = startForkRig(t, interpreter, { preload: [preload] })
    await rig.ready()
    const spec = rig.python(`import sys, ${name}\nprint(${name}.mine, file=sys.stderr)\n`)
    writeFileSync(join(spec.cwd, `${name}.py`), 'mine = "of the project"\n')
    const { exited } = await rig.startSpec(spec)
    await exited
    assert.match(outputOf(spec), /of the project/)
    await rig.was('refused')
    assert.match(rig.said.join('\n'), new RegExp(`a module of its own that is called ${name}`))
  })
}

test('without a PID namespace nothing is forked, and it is said', options, async (t) => {
  const rig = startForkRig(t, interpreter, { namespace: noNamespace })
  assert.match(rig.said.join('\n'), /preload is of no use here: there is no PID namespace/)
  const { exited } = await rig.startSpec(rig.python('pass\n'))
  assert.equal((await exited).code, 0)
})
