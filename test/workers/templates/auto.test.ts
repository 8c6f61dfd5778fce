import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'

import { needed } from '../../support/needs.ts'
import { tempDir } from '../../support/temp.ts'
import { outputOf, skipWithoutNamespace } from '../rig.ts'
import { startForkRig } from './fork-rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutNamespace : python.skip }
const interpreter = python.skip === false ? python.path : ''

const server = `
import sys
loaded = set(sys.modules)
import helper, package.part
from package import other
try:
    import no_such_module_here
except ImportError:
    pass
def later():
    import plistlib
names = ['helper', 'package', 'colorsys', 'sndhdr', 'wave', 'calendar', 'plistlib', 'starts_a_thread']
print([name for name in names if name in loaded], file=sys.stderr)
`

test(
  'auto loads what the files of a server import from outside of its project',
  options,
  async (t) => {
    const [project, modules] = [tempDir(t), tempDir(t)]
    const files: Record<string, string> = {
      [join(project, 'server.py')]: server,
      [join(project, 'helper.py')]:
        'import colorsys, starts_a_thread\nopen(__file__ + ".ran", "w")\n',
      [join(project, 'package', '__init__.py')]: 'from . import inner\n',
      [join(project, 'package', 'inner.py')]: 'import wave\n',
      [join(project, 'package', 'part.py')]: 'from calendar import month\n',
      [join(project, 'package', 'other.py')]: '',
      [join(modules, 'starts_a_thread.py')]:
        'import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n',
    }
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
    const env = { PYTHONPATH: modules }
    const rig = startForkRig(t, interpreter, { preload: 'auto', project, env })
    await rig.ready()
    const spec = rig.python(server, { cwd: project })
    const { exited } = await rig.startSpec(spec)
    assert.equal((await exited).code, 0)
    await rig.was('forked')
    assert.equal(outputOf(spec).trim(), "['colorsys', 'wave', 'calendar']")
    assert.deepEqual(rig.said, [])
  },
)
