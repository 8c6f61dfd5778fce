import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { place } from './berth.ts'
import type { Place, Running } from './berth.ts'

const everything = join(
  import.meta.dirname,
  ...['..', '..', '..', 'node_modules', '@modelcontextprotocol', 'server-everything'],
  ...['dist', 'index.js'],
)
const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const gateway = await startTestGateway(
  { after },
  {
    planner: { command: ['node', compiled('src/demo/trip-planner.js')] },
    everything: { command: ['node', everything] },
    hangs: { command: ['node', fixture('sdk-stdio')] },
    grows: { command: ['node', fixture('grows')] },
  },
)
const enter = '\r'
const tab = '\t'
const up = '\u001b[A'
const controlC = '\u0003'
const controlD = '\u0004'

interface Person extends Running {
  /** Types when the shell has said this, counted from what was typed before. */
  on(says: RegExp, keys: string): Promise<void>
  handle: string
}

/** Undefined where no terminal can be made. */
async function sitDown(
  { atTerminal }: Place,
  server: string,
  options: string[] = [],
): Promise<Person | undefined> {
  const running = atTerminal(['shell', gateway.mcp(server), ...options])
  if (running === undefined) return undefined
  let typedAt = 0
  const on: Person['on'] = async (says, keys) => {
    await running.says(new RegExp(`^[^]{${typedAt},}?(?:${says.source})`, says.flags))
    typedAt = plainLength(running.said())
    running.child.stdin.write(keys)
  }
  const [, handle = ''] = await running.says(/[Ss]ession (\w{8}) /)
  return { ...running, on, handle }
}

const plainLength = (text: string): number => text.replaceAll(/\u001b\[[\d;?]*[A-Za-z]/g, '').length

describe('a shell at a terminal', () => {
  it('completes commands, tools, arguments and values', async (t) => {
    const person = await sitDown(place(t), 'everything')
    if (person === undefined) return
    await person.on(/everything> $/, `sta${tab}`)
    await person.on(/status $/, `\u0015call get-st${tab}`)
    await person.on(/get-structured-content $/, tab)
    await person.on(/location=$/, tab)
    await person.on(/location=$|"New York" +location=Chicago/, `"L${tab}`)
    await person.on(/"Los Angeles" $/, enter)
    await person.on(/"temperature"[^]*> $/, `prompt com${tab}`)
    await person.on(/completable-prompt $/, `department=Eng${tab}`)
    await person.on(/department=Engineering $/, `name=Al${tab}`)
    await person.on(/name=Alice $/, enter)
    await person.on(/promote Alice[^]*> $/, `read demo://resource/dynamic/t${tab}`)
    await person.on(/dynamic\/text\/$/, `7${enter}`)
    await person.on(/Resource 7:[^]*> $/, controlD)
    assert.equal((await person.done).code, 0)
    assert.match(person.said(), /The session has ended\.\r\n$/)
  })

  it('asks questions in place, with what was typed before untouched', async (t) => {
    const person = await sitDown(place(t), 'planner')
    if (person === undefined) return
    await person.on(/trip-planner> $/, `call plan_trip${enter}`)
    await person.on(/like to go\?[^]*Decline/, enter)
    await person.on(/A town, a region/, `Lisbon${enter}`)
    await person.on(/What kind of trip/, controlC)
    await person.on(/You cancelled at the question about the kind[^]*> $/, `status${enter}`)
    await person.on(/calls {5}1\r\n[^]*> $/, `quit${enter}`)
    assert.equal((await person.done).code, 0)
    const session = await gateway.saw('session.closed', ({ server }) => server === 'planner')
    assert.deepEqual([session.session, session.reason], [person.handle, 'client-deleted'])
  })

  it('cancels what runs at Ctrl-C, and stays; at an empty prompt it says how to leave', async (t) => {
    const person = await sitDown(place(t), 'hangs')
    if (person === undefined) return
    await person.on(/sdk-stdio> $/, `call hang${enter}`)
    await person.on(/\[info\] hanging/, controlC)
    await person.on(/Cancelled\.[^]*> $/, `call cancellations${enter}`)
    await person.on(/\n1\r\n[^]*> $/, `half a line${controlC}`)
    await person.on(/half a line\^C\r\n[^]*> $/, controlC)
    await person.on(/quit or Ctrl-D leaves, and ends the session\.[^]*> $/, controlD)
    assert.equal((await person.done).code, 0)
    await gateway.saw(
      'exchange.ended',
      ({ session, outcome }) => session === person.handle && outcome === 'cancelled',
    )
  })

  it('knows the next time what was typed, but no secrets and no answers', async (t) => {
    const here = place(t)
    const first = await sitDown(here, 'planner')
    if (first === undefined) return
    await first.on(/> $/, `call whoami${enter}`)
    await first.on(/0 trips[^]*> $/, `call whoami password=hunter2${enter}`)
    await first.on(/trips booked[^]*> $|There is no argument[^]*> $/, `call plan_trip${enter}`)
    await first.on(/like to go\?[^]*Decline/, enter)
    await first.on(/A town, a region/, `Atlantis${enter}`)
    await first.on(/What kind of trip/, controlC)
    await first.on(/You cancelled[^]*> $/, `${up}${up}`)
    await first.on(/hunter2$/, `\u0015${controlD}`)
    await first.done
    const file = join(here.stateDir, 'client', 'history')
    assert.equal(readFileSync(file, 'utf8'), 'call whoami\ncall plan_trip\n')
    assert.equal(statSync(file).mode & 0o777, 0o600)

    const second = await sitDown(here, 'planner')
    await second?.on(/> $/, up)
    await second?.on(/call plan_trip$/, up)
    await second?.on(/call whoami$/, enter)
    await second?.on(/0 trips[^]*> $/, controlD)
    await second?.done
  })

  it('says that its session has ended, and offers a new one', async (t) => {
    const person = await sitDown(place(t), 'planner')
    if (person === undefined) return
    await person.on(/> $/, `call list_trips`)
    await person.says(/> call list_trips/)
    await askAdmin(gateway, `/api/sessions/${person.handle}`, { method: 'DELETE' })
    await person.on(
      /The session ended at [\d:]+: somebody has stopped it\. new opens[^]*no session> call list_trips$/,
      `\u0015status${enter}`,
    )
    await person.on(/No session is open\. new opens another one\.[^]*no session> $/, up)
    await person.on(/status$/, `\u0015call list_trips${enter}`)
    await person.on(/Open a new session\?[^]*No/, enter)
    await person.on(/is open at trip-planner[^]*not run yet[^]*trip-planner> $/, up)
    await person.on(/call list_trips$/, enter)
    await person.on(/No trip is booked\.[^]*> $/, `keep${enter}`)
    const [, id = ''] = await person.says(/--session (\S+)/)
    await person.on(/> $/, controlD)
    await person.done
    assert.ok(!gateway.seen('session.closed').some(({ session }) => session === handleOf(id)))
  })

  it('tells of tools that came, above what is being typed, and completes them', async (t) => {
    const person = await sitDown(place(t), 'grows')
    if (person === undefined) return
    await person.on(/grows> $/, `call grow name=first${enter}`)
    await person.on(/tools of the server have changed; new: first\.[^]*> $/, `call fi${tab}`)
    await person.on(/call first $/, enter)
    await person.on(/I am first[^]*> $/, `call grow-later name=second${enter}`)
    await person.on(/will grow[^]*> $/, 'call se')
    await person.on(/new: second\.\r\n[^]*> call se$/, tab)
    await person.on(/cond $/, enter)
    await person.on(/I am second[^]*> $/, controlD)
    assert.equal((await person.done).code, 0)
  })

  it('takes several lines at once, and what is typed while a command runs', async (t) => {
    const person = await sitDown(place(t), 'hangs')
    if (person === undefined) return
    await person.on(/sdk-stdio> $/, `call log line=one${enter}call log line=two${enter}`)
    await person.on(/\[info\] two[^]*> $/, `call hang${enter}`)
    // Ctrl-C takes what was typed after it away, too.
    await person.on(/\[info\] hanging/, `call cancellations${enter}${controlC}`)
    await person.on(/Cancelled\.[^]*> $/, `status${enter}`)
    await person.on(/calls {5}3, 1 of them failed[^]*> $/, controlD)
    assert.equal((await person.done).code, 0)
  })
})
