import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

import type { LocalSpec } from '../../../src/workers/driver.ts'
import { needed } from '../../support/needs.ts'
import { outputOf, skipWithoutNamespace } from '../rig.ts'
import type { ForkRig } from './fork-rig.ts'
import { startForkRig } from './fork-rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutNamespace : python.skip }
const interpreter = python.skip === false ? python.path : ''

interface End {
  code: number | null
  signal: string | null
  stderr: string
}

/** The same words in the same folder, with no Berth about. */
async function byHand({ launch, cwd, env, workerId }: LocalSpec): Promise<End> {
  const child = spawn(launch.command, launch.args, {
    cwd,
    env: { ...env, BERTH_WORKER_ID: workerId },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, stderr: withoutPlaces(stderr) }
}

const withoutPlaces = (text: string): string => text.replaceAll(/0x[0-9a-f]{6,}/g, '0x')

async function forked(rig: ForkRig, spec: LocalSpec): Promise<End> {
  const { exited } = await rig.startSpec(spec)
  const { code, signal } = await exited
  return { code, signal, stderr: withoutPlaces(outputOf(spec)) }
}

async function alike(rig: ForkRig, spec: LocalSpec): Promise<End> {
  const [hand, fork] = [await byHand(spec), await forked(rig, spec)]
  assert.deepEqual(fork, hand)
  await rig.was('forked')
  return fork
}

const surroundings = `
import os, signal, sys, threading
def tell(*what): print(*what, file=sys.stderr)
tell(sys.argv, getattr(sys, 'orig_argv', None), sys.path, sys.executable, sys.flags)
tell({k: str(v) for k, v in globals().items() if k not in ('os', 'signal', 'sys', 'threading', 'tell')})
tell(sys.modules['__main__'].__dict__ is globals(), os.getcwd(), threading.active_count())
tell(sorted((k, v) for k, v in os.environ.items()))
tell(open('/proc/self/cmdline').read().split('\\0'), sorted(open('/proc/self/environ').read().split('\\0')))
with open('/proc/self/status') as file:
    tell([line for line in file if line.startswith(('SigI', 'SigC', 'SigB', 'Umask', 'NoNew', 'Threads', 'Groups'))])
with open('/proc/self/limits') as file: tell(file.read())
tell([signal.getsignal(number) for number in (2, 13, 15, 17)])
tell(sys.stdin.encoding, sys.stdout.line_buffering, sys.stdout.write_through, sys.stderr.errors)
`

/** Text of a server, and what it shows. */
const cases: [name: string, text: string, more?: { args?: string[]; words?: string[] }][] = [
  ['what it finds around it', surroundings, { args: ['--port', '1', ''] }],
  ['a relative path', surroundings, { words: ['./server.py', 'a b'] }],
  [
    'the chain of an exception',
    'def f(): 1/0\ntry: f()\nexcept Exception: raise ValueError("x")\n',
  ],
  ['a text that does not parse', 'print(\n'],
  ['an exit code', 'import sys\nsys.exit(3)\n'],
  ['an exit with words', 'import sys\nsys.exit("no more")\n'],
  ['an exit at once', 'import os\nos._exit(4)\n'],
  ['an interrupt', 'import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n'],
  ['a signal', 'import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n'],
  ['a crash', 'import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n'],
  [
    'what runs at the end',
    `import atexit, sys, threading, time
atexit.register(lambda: print('last', file=sys.stderr))
threading.Thread(target=lambda: (time.sleep(0.05), print('thread', file=sys.stderr))).start()
print('main', file=sys.stderr)
raise KeyError('end')
`,
  ],
  [
    'its own hook for exceptions',
    `import sys, traceback
def hook(kind, value, trace): print('mine', traceback.format_tb(trace), file=sys.stderr)
sys.excepthook = hook
1/0
`,
  ],
  [
    'a pool of processes',
    `import multiprocessing, sys
def double(x): return 2 * x
if __name__ == '__main__':
    for way in ('fork', 'spawn'):
        with multiprocessing.get_context(way).Pool(1) as pool:
            print(pool.map(double, [1, 2]), file=sys.stderr)
`,
  ],
]

test('a fork runs as by hand', options, async (t) => {
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  for (const [name, text, more] of cases) {
    await t.test(name, async () => {
      await alike(rig, rig.python(text, more))
    })
  }
  await t.test('a module', async () => {
    const spec = rig.python('', { words: ['-m', 'package.tool', '-x'] })
    mkdirSync(join(spec.cwd, 'package'))
    writeFileSync(join(spec.cwd, 'package', 'tool.py'), `${surroundings}\n1/0\n`)
    const { stderr } = await alike(rig, spec)
    assert.match(stderr, /ZeroDivisionError/)
  })
})

test('options of the interpreter hold for a fork too', options, async (t) => {
  const rig = startForkRig(t, interpreter, { flags: ['-u', '-OO', '-W', 'error', '-Xutf8'] })
  await rig.ready()
  await alike(rig, rig.python(surroundings))
})

test('limits hold for a fork', options, async (t) => {
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const text = `import os, sys
limits = [line.split()[3:5] for line in open('/proc/self/limits') if line.startswith('Max open files')]
print(limits, [line.rpartition('berth')[1] for line in open('/proc/self/cgroup') if 'berth' in line][:1], file=sys.stderr)
`
  const spec = rig.python(text, { limits: { openFiles: 100, memoryBytes: 256 * 1024 ** 2 } })
  const { stderr } = await forked(rig, spec)
  await rig.was('forked')
  assert.match(stderr, /^\[\['100', '100'\]\]/)
  const [memory] = rig.driver.enforcement(spec.launch)
  if (memory?.by != null) assert.match(stderr, /\['berth'\]/)
})

test('what cannot be run is told as by hand', options, async (t) => {
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const spec = rig.python('', { words: ['missing.py'] })
  assert.deepEqual(await forked(rig, spec), await byHand(spec))
  await rig.was('refused')
})
