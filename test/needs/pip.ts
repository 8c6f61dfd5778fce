import { readdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { publish } from './cache.ts'
import { findExecutable, runCommand } from './command.ts'
import { unpackPackage } from './debian.ts'
import { NeedError } from './need.ts'
import type { Site } from './need.ts'

const bundled = `
import glob, os
folders = ["/usr/share/python-wheels"]
try:
    import ensurepip
    folders.insert(0, os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"))
except ImportError:
    pass
for folder in folders:
    for wheel in sorted(glob.glob(os.path.join(folder, "pip-*.whl")), reverse=True):
        print(wheel)
`

/**
 * What to give to a Python to make it run pip without having it: the wheel of pip is a program
 * (`python pip-23.whl/pip install …`). Not the pip of another Python by its folder: that would
 * take the packages beside it for installed.
 *
 * @throws NeedError where there is no pip of any kind.
 */
export async function findPip(site: Site, python: string): Promise<string> {
  const own = await runCommand(python, ['-c', bundled], site)
  const [wheel] = own.stdout.split('\n')
  if (own.ok && wheel) return join(wheel, 'pip')

  const folder = join(site.cacheDir, 'pip')
  if ((await wheelIn(folder)) === undefined) {
    await publish(
      folder,
      async () => (await wheelIn(folder)) !== undefined,
      async (unfinished) => {
        const found =
          (await downloaded(site, python, unfinished)) ?? (await fromDebian(site, unfinished))
        if (found === undefined) {
          throw new NeedError('no pip of any kind is at hand', 'apt-get install python3-venv')
        }
      },
    )
  }
  return join((await wheelIn(folder)) ?? folder, 'pip')
}

async function downloaded(site: Site, python: string, folder: string): Promise<string | undefined> {
  const pips = ['pip3', 'pip'].map((name) => findExecutable(name, site.env['PATH']))
  const commands = [
    [python, '-m', 'pip'],
    ...pips.filter((pip) => pip !== undefined).map((pip) => [pip]),
  ]
  for (const [file, ...args] of commands) {
    const options = ['--quiet', '--no-deps', '--retries', '1', '--timeout', '20', '--dest', folder]
    const done = await runCommand(file ?? python, [...args, 'download', ...options, 'pip'], site)
    if (done.ok) return wheelIn(folder)
  }
  return undefined
}

async function fromDebian(site: Site, folder: string): Promise<string | undefined> {
  for (const name of ['python3-pip-whl', 'python-pip-whl']) {
    try {
      await unpackPackage(site, name, { into: folder, withDependencies: false })
    } catch (error) {
      if (!(error instanceof NeedError)) throw error
      continue
    }
    const wheel = await wheelIn(join(folder, 'usr', 'share', 'python-wheels'))
    if (wheel === undefined) continue
    await rename(wheel, join(folder, basename(wheel)))
    return wheelIn(folder)
  }
  return undefined
}

async function wheelIn(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => [])
  const name = names.find((file) => /^pip-.*\.whl$/.test(file))
  return name === undefined ? undefined : join(folder, name)
}
