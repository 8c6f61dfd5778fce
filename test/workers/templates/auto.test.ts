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
from lazy import Thing
try:
    import no_such_module_here
except ImportError:
    pass
def later():
    import plistlib
import lazy.by_name as named, lazy
first = lazy.value, named.value
names = ['lazy.inside', 'lazy.also', 'lazy.unused', 'helper', 'package', 'colorsys', 'sndhdr', 'wave', 'calendar', 'plistlib', 'starts_a_thread']
print([name for name in names if name in loaded], file=sys.stderr)
`

/** As some packages are: what is in it is loaded when it is asked for. */
const lazy = `
import importlib
places = {'Thing': 'inside', 'value': 'also', 'other': 'unused'}
def __getattr__(name):
    if name not in places: raise AttributeError(name)
    return getattr(importlib.import_module('lazy.' + places[name]), name)
`

const ways: Record<string, [preload: string[] | 'auto', loaded: string]> = {
  'auto loads what the files of a server import from outside of its project': [
    'auto',
    "['lazy.inside', 'lazy.also', 'colorsys', 'wave', 'calendar']",
  ],
  'of a module in a list, what the files of a server take is loaded': [
    ['lazy'],
    "['lazy.inside', 'lazy.also']",
  ],
}

for (const [name, [preload, loaded]] of Object.entries(ways)) {
  test(name, options, async (t) => {
    const [project, modules] = [tempDir(t), tempDir(t)]
    const files: Record<string, string> = {
      [join(project, 'server.py')]: server,
      [join(project, 'helper.py')]:
        'import colorsys, starts_a_thread\nopen(__file__ + ".ran", "w")\n',
      [join(project, 'package', '__init__.py')]: 'from . import inner\n',
      [join(project, 'package', 'inner.py')]: 'import wave\n',
      [join(project, 'package', 'part.py')]: 'from calendar import month\n',
      [join(project, 'package', 'other.py')]: '',
      [join(modules, 'lazy', '__init__.py')]: lazy,
      [join(modules, 'lazy', 'by_name.py')]: 'value = 1\n',
      [join(modules, 'lazy', 'inside.py')]: 'Thing = 1\n',
      [join(modules, 'lazy', 'also.py')]: 'value = 1\n',
      [join(modules, 'lazy', 'unused.py')]: 'other = 1\n',
      [join(modules, 'starts_a_thread.py')]:
        'import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n',
    }
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
    const env = { PYTHONPATH: modules }
    const rig = startForkRig(t, interpreter, { preload, project, env })
    await rig.ready()
    const spec = rig.python(server, { cwd: project })
    const { exited } = await rig.startSpec(spec)
    assert.equal((await exited).code, 0)
    await rig.was('forked')
    assert.equal(outputOf(spec).trim(), loaded)
    assert.deepEqual(rig.said, [])
  })
}
