import { mkdir, mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { baseSystemIn } from './base-system.ts'
import { withScratch } from './cache.ts'
import { findExecutable, runCommand } from './command.ts'
import type { CommandResult } from './command.ts'
import { NeedError } from './need.ts'
import type { Site } from './need.ts'

/** Options of apt that keep it from writing outside the folders it is given, as anybody. */
const gentle = [
  ...['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=1'],
  ...['-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20'],
]

/** Whether packages of Debian, or of a system made from it, can be had here. */
export function hasApt(env: NodeJS.ProcessEnv): boolean {
  return ['apt-get', 'dpkg-deb'].every((name) => findExecutable(name, env['PATH']) !== undefined)
}

/**
 * Unpacks a package into a folder without installing it, and with it those packages it depends
 * on that are not part of the base system, whatever is installed here. Works from the system's package lists; where they are absent
 * or name files that the mirror has no more, from fresh ones of its own.
 *
 * @throws NeedError where there is no apt, no such package or no mirror.
 */
export async function unpackPackage(
  site: Site,
  name: string,
  { into, withDependencies }: { into: string; withDependencies: boolean },
): Promise<void> {
  if (!hasApt(site.env)) throw new NeedError('this is not a Debian system')
  await withScratch(site.cacheDir, async (workDir) => {
    const files =
      (await download(site, name, { workDir, withDependencies, lists: [] })) ??
      (await download(site, name, {
        workDir,
        withDependencies,
        lists: await freshLists(site, join(workDir, 'state')),
      }))
    if (files === undefined) throw new NeedError(`apt-get knows no package ${name}`)
    for (const file of files) {
      must(await runCommand('dpkg-deb', ['--extract', file, into], site), `dpkg-deb ${name}`)
    }
  })
}

interface Download {
  workDir: string
  withDependencies: boolean
  /** Options that make apt use other package lists than the system's. */
  lists: string[]
}

/** The downloaded files, or undefined where other lists may know better. */
async function download(
  site: Site,
  name: string,
  { workDir, withDependencies, lists }: Download,
): Promise<string[] | undefined> {
  const options = [...gentle, ...lists]
  let names = [name]
  if (withDependencies) {
    const base = ['-o', `Dir::State::status=${await writeBaseSystem(site, workDir)}`]
    const plan = await runCommand(
      'apt-get',
      [...options, ...base, '--simulate', '--no-install-recommends', 'install', name],
      { ...site, env: { ...site.env, LC_ALL: 'C' } },
    )
    if (!plan.ok) return undefined
    // What belongs to the base system is not planned; nor is it here, unless it is the very one
    // asked for.
    names = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]!)
    if (names.length === 0) names = [name]
  }
  const folder = await mkdtemp(join(workDir, 'deb-'))
  const done = await runCommand('apt-get', [...options, 'download', ...names], {
    ...site,
    cwd: folder,
    timeoutMs: 300_000,
  })
  if (!done.ok && lists.length === 0) return undefined
  must(done, `apt-get download ${name}`)
  return (await readdir(folder)).filter((file) => file.endsWith('.deb')).map((f) => join(folder, f))
}

/** Writes a list of installed packages that has the base system alone, for apt to plan with. */
async function writeBaseSystem(site: Site, workDir: string): Promise<string> {
  const asked = await runCommand('apt-config', ['shell', 'FILE', 'Dir::State::status/f'], site)
  const [, file = '/var/lib/dpkg/status'] = /^FILE='(.*)'/.exec(asked.stdout) ?? []
  const status = join(workDir, 'status')
  await writeFile(status, baseSystemIn(await readFile(file, 'utf8')))
  return status
}

async function freshLists(site: Site, stateDir: string): Promise<string[]> {
  const lists = join(stateDir, 'lists')
  await mkdir(join(lists, 'partial'), { recursive: true })
  await mkdir(join(stateDir, 'cache', 'archives', 'partial'), { recursive: true })
  const options = [
    ...['-o', `Dir::State::Lists=${lists}`],
    ...['-o', `Dir::Cache=${join(stateDir, 'cache')}`],
  ]
  const done = await runCommand('apt-get', [...gentle, ...options, 'update'], {
    ...site,
    timeoutMs: 180_000,
  })
  must(done, 'apt-get update')
  return options
}

function must(result: CommandResult, what: string): void {
  if (!result.ok) throw new NeedError(`${what}: ${result.why}`)
}
