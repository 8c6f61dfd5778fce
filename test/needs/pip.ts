import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
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
 * @param workDir a folder to be made for whatever has to be fetched.
 * @throws NeedError where there is no pip of any kind.
 */
export async function findPip(site: Site, python: string, workDir: string): Promise<string> {
  const own = await runCommand(python, ['-c', bundled], site)
  const [wheel] = own.stdout.split('\n')
  if (own.ok && wheel) return join(wheel, 'pip')

  await mkdir(workDir)
  const found = (await downloaded(site, python, workDir)) ?? (await fromDebian(site, workDir))
  if (found === undefined) {
    throw new NeedError('no pip of any kind is at hand', 'apt-get install python3-venv')
  }
  return join(found, 'pip')
}

async function downloaded(
  site: Site,
  python: string,
  workDir: string,
): Promise<string | undefined> {
  const pips = ['pip3', 'pip'].map((name) => findExecutable(name, site.env['PATH']))
  const commands = [
    [python, '-m', 'pip'],
    ...pips.filter((pip) => pip !== undefined).map((pip) => [pip]),
  ]
  for (const [file, ...args] of commands) {
    const options = ['--quiet', '--no-deps', '--retries', '1', '--timeout', '20', '--dest', workDir]
    const done = await runCommand(file ?? python, [...args, 'download', ...options, 'pip'], site)
    if (done.ok) return wheelIn(workDir)
  }
  return undefined
}

async function fromDebian(site: Site, workDir: string): Promise<string | undefined> {
  for (const name of ['python3-pip-whl', 'python-pip-whl']) {
    try {
      await unpackPackage(site, name, { into: workDir, withDependencies: false })
    } catch (error) {
      if (!(error instanceof NeedError)) throw error
      continue
    }
    return wheelIn(join(workDir, 'usr', 'share', 'python-wheels'))
  }
  return undefined
}

async function wheelIn(folder: string): Promise<string | undefined> {
  const name = (await readdir(folder)).find((file) => /^pip-.*\.whl$/.test(file))
  return name === undefined ? undefined : join(folder, name)
}
