import assert from 'node:assert/strict'
import { readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'

import { eventually } from '../../support/eventually.ts'
import { needed } from '../../support/needs.ts'
import { tempDir } from '../../support/temp.ts'
import type { SpecOptions } from '../rig.ts'
import { outputOf, skipWithoutSandbox } from '../rig.ts'
import type { ForkRig } from './fork-rig.ts'
import { startForkRig } from './fork-rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutSandbox : python.skip }
const interpreter = python.skip === false ? python.path : ''

/** All that a process can say of what it stands in, without what differs between two plain starts. */
const surroundings = `
import json, os, sys
def read(file):
    try:
        with open('/proc/self/' + file) as text: return text.read()
    except OSError as error: return str(error)
status = dict(line.split(':\\t', 1) for line in read('status').splitlines() if ':\\t' in line)
for name in ('Pid', 'PPid', 'Tgid', 'Ngid', 'NSpid', 'NStgid', 'NSpgid', 'NSsid', 'voluntary_ctxt_switches',
    'nonvoluntary_ctxt_switches', 'SigQ', 'x86_Thread_features'):
    status.pop(name, None)
own = os.path.dirname(os.environ['BERTH_WORKSPACE'])
def without(text):
    for name in own, os.path.dirname(own), os.environ['BERTH_WORKER_ID'], os.environ['BERTH_TEST_MARK']:
        text = text.replace(name, 'OWN')
    return text
print(without(json.dumps({
    'status': {k: v for k, v in status.items() if not k.startswith(('Vm', 'Rss', 'Huge'))},
    'mounts': sorted(line.split(' ', 3)[3] for line in read('mountinfo').splitlines()),
    'maps': [read('uid_map'), read('gid_map'), read('setgroups')],
    'cgroup': read('cgroup'),
    'limits': read('limits'),
    'fds': sorted(os.listdir('/proc/self/fd')),
    'environ': sorted(read('environ').split('\\0')),
    'seen': sorted(os.environ.items()),
    'cmdline': read('cmdline'),
    'place': [os.getcwd(), os.readlink('/proc/self/root'), os.readlink('/proc/self/cwd')],
    'rest': [os.uname().nodename, read('oom_score_adj'), read('coredump_filter'), read('loginuid'), read('comm'),
        read('personality'), read('attr/current'), os.nice(0), os.sched_getscheduler(0), read('net/dev').splitlines()[2:] and
        sorted(line.split(':')[0].strip() for line in read('net/dev').splitlines()[2:])],
    'python': [sys.path, sys.argv, sys.executable, sys.prefix, str(sys.flags), sorted(os.listdir('/'))],
})), file=sys.stderr)
`

/** As whoever stands outside can compare them: a number may be used again for others. */
const namespaces = `
import json, os, sys
print(json.dumps({name: os.readlink('/proc/self/ns/' + name) for name in os.listdir('/proc/self/ns')}), file=sys.stderr)
`

async function said(
  rig: ForkRig,
  { text, folder }: { text: string; folder: string },
  more: SpecOptions,
): Promise<unknown> {
  // Where the session has a disk of its own, nothing is seen in its workspace that was put there before.
  const spec = rig.python(text, { cwd: folder, ...more })
  const { exited } = await rig.startSpec(spec)
  assert.equal((await exited).code, 0, outputOf(spec))
  return JSON.parse(outputOf(spec))
}

const kinds: Record<string, SpecOptions> = {
  'in the network of this machine': {},
  'with limits': {
    limits: { memoryBytes: 512 * 1024 ** 2, pids: 64, diskBytes: 64 * 1024 ** 2, openFiles: 200 },
  },
  'in a network of its own': { sandbox: { network: 'private', outbound: false } },
  'without a network': { sandbox: { network: 'none' } },
}

for (const [name, more] of Object.entries(kinds)) {
  test(`a fork in a sandbox has what a plain start has: ${name}`, options, async (t) => {
    const forking = startForkRig(t, interpreter, { isolation: 'sandbox', preload: ['json', 're'] })
    const plain = startForkRig(t, interpreter, { isolation: 'sandbox', preload: [] })
    await forking.ready()
    const folder = tempDir(t)
    assert.deepEqual(
      await said(forking, { text: surroundings, folder }, more),
      await said(plain, { text: surroundings, folder }, more),
    )
    await forking.was('forked')
    const own = (await said(forking, { text: namespaces, folder }, more)) as Record<string, string>
    const shared = Object.keys(own).filter(
      (space) => own[space] === readlinkSync(`/proc/self/ns/${space}`),
    )
    const network = more.sandbox === undefined ? ['net'] : []
    assert.deepEqual(shared.sort(), [...network, 'time', 'time_for_children'])
    assert.deepEqual(forking.said, [])
  })
}

/** What a fork has of its template, and a plain start has not. */
const waysOut = `
import ctypes, json, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
found = {}
program = os.open('/proc/self/exe', os.O_PATH)
# It runs no more in whoever tries to write it.
tries = '''
import os, sys
path = '/proc/self/fd/' + sys.argv[1]
for way in (lambda: os.open(path, os.O_WRONLY), lambda: os.open(path, os.O_RDWR), lambda: os.chmod(path, 0o777),
    lambda: os.setxattr(path, 'user.berth', b'1'), lambda: os.utime(path)):
    try: print('done', way())
    except OSError as error: print(error.strerror)
'''
found['program'] = subprocess.run([sys.executable, '-c', tries, str(program)], pass_fds=[program],
    capture_output=True, text=True).stdout.split()
found['where'] = os.readlink('/proc/self/exe')
maps = os.listdir('/proc/self/map_files')
try: found['maps'] = [os.close(os.open('/proc/self/map_files/' + one, os.O_RDONLY)) for one in maps[:1]]
except OSError as error: found['maps'] = error.strerror
def status(pid):
    with open('/proc/%s/status' % pid) as file:
        lines = dict(line.rstrip('\\n').split(':\\t', 1) for line in file if ':\\t' in line)
    return {name: lines[name] for name in ('Uid', 'Seccomp', 'NoNewPrivs', 'CapEff', 'CapPrm', 'CapBnd')}
def spaces(pid): return {name: os.readlink('/proc/%s/ns/%s' % (pid, name)) for name in os.listdir('/proc/self/ns')}
others = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, os.getpid())]
found['others'] = len(others)
found['more'] = [status(pid) for pid in others if status(pid) != status('self')]
found['elsewhere'] = [pid for pid in others if spaces(pid) != spaces('self')]
found['roots'] = [pid for pid in others if os.stat('/proc/%s/root' % pid).st_ino != os.stat('/').st_ino]
found['open'] = sorted({os.readlink('/proc/%s/fd/%s' % (pid, fd)).split(':')[0] for pid in others
    for fd in os.listdir('/proc/%s/fd' % pid)} - {'anon_inode', 'pidfd'})
print(json.dumps(found), file=sys.stderr)
`

test('nothing of a template leads a fork out of its sandbox', options, async (t) => {
  const rig = startForkRig(t, interpreter, { isolation: 'sandbox' })
  await rig.ready()
  const text = waysOut.trimStart()
  const found = (await said(rig, { text, folder: tempDir(t) }, {})) as Record<string, unknown>
  await rig.was('forked')
  const { program, where, ...rest } = found
  assert.match(String(program), /Read-only|Permission|not permitted/)
  assert.doesNotMatch(String(program), /done/)
  assert.match(String(where), /\/ld-/)
  assert.deepEqual(rest, {
    maps: 'Operation not permitted',
    // What stands for it, and what waits beside it.
    others: 2,
    more: [],
    elsewhere: [],
    roots: [],
    open: ['/dev/null', 'socket'],
  })
})

test('where sessions may write, nothing is loaded for others', options, async (t) => {
  const modules = tempDir(t)
  writeFileSync(join(modules, 'planted.py'), 'raise SystemExit("it was loaded")\n')
  const env = { PYTHONPATH: modules }
  for (const writable of [modules, join(modules, 'data'), dirname(dirname(interpreter))]) {
    const rig = startForkRig(t, interpreter, {
      isolation: 'sandbox',
      preload: ['planted'],
      env,
      sandbox: { writable: [writable] },
    })
    await eventually(() => assert.match(rig.said.join('\n'), /is where sessions may write/))
    assert.doesNotMatch(rig.said.join('\n'), /it was loaded/)
  }
})

test('what a sandbox does not show, it gets from no template', options, async (t) => {
  const modules = tempDir(t)
  writeFileSync(join(modules, 'unseen.py'), 'value = 1\n')
  const env = { PYTHONPATH: modules }
  const rig = startForkRig(t, interpreter, { isolation: 'sandbox', preload: ['unseen'], env })
  await rig.ready()
  const text =
    'try: import unseen\nexcept ImportError: print("true", file=__import__("sys").stderr)\n'
  assert.equal(await said(rig, { text, folder: tempDir(t) }, {}), true)
  await rig.was('refused')
  assert.match(rig.said.join('\n'), /unseen\.py is not shown in its sandbox/)
})
