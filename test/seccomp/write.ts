import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'

import type { SeccompProfile } from '../../src/workers/sandbox/seccomp-program.ts'
import type { CallNumbers, MobyProfile } from './resolve.ts'
import { resolveProfile } from './resolve.ts'

const target = 'src/workers/sandbox/seccomp-profile.ts'
const profileModule = 'github.com/moby/profiles/seccomp'
const numbersModule = 'golang.org/x/sys'

const usage = `usage: npm run seccomp -- PROFILE_FOLDER NUMBERS_FOLDER

Writes ${target} anew. Both folders come from Go's module proxy;
this tells where it has put them (Dir):

  go mod download -json ${profileModule}@latest ${numbersModule}@latest

The first one has Docker's profile, default.json; the second one the numbers of the system calls.
`

const [profileFolder, numbersFolder] = process.argv.slice(2)
if (profileFolder === undefined || numbersFolder === undefined) {
  process.stderr.write(usage)
  process.exitCode = 2
} else {
  await write(profileFolder, numbersFolder)
}

async function write(profileFolder: string, numbersFolder: string): Promise<void> {
  const json = readFileSync(join(profileFolder, 'default.json'), 'utf8')
  const profile = resolveProfile(JSON.parse(json) as MobyProfile, {
    amd64: readNumbers(numbersFolder, 'amd64'),
    arm64: readNumbers(numbersFolder, 'arm64'),
  })
  const sources = {
    profile: versionOf(profileFolder, profileModule),
    sha256: createHash('sha256').update(json).digest('hex'),
    numbers: versionOf(numbersFolder, numbersModule),
  }
  const config = (await resolveConfig(target)) ?? {}
  writeFileSync(target, await format(textOf(profile, sources), { ...config, filepath: target }))
}

/** The folder's own name says the version: `seccomp@v0.3.0`. */
function versionOf(folder: string, module: string): string {
  const [, version] = folder.split(`${module}@`)
  if (version === undefined) throw new Error(`${folder} does not end in ${module}@VERSION`)
  return `${module} ${version.replace(/\/$/, '')}`
}

function readNumbers(folder: string, arch: string): CallNumbers {
  const text = readFileSync(join(folder, 'unix', `zsysnum_linux_${arch}.go`), 'utf8')
  const lines = text.matchAll(/^\s+SYS_(\w+)\s+= (\d+)$/gm)
  return new Map([...lines].map(([, name = '', number]) => [name.toLowerCase(), Number(number)]))
}

function textOf(
  profile: SeccompProfile,
  sources: { profile: string; sha256: string; numbers: string },
): string {
  const { allowed, ...others } = profile
  const rest = JSON.stringify(others).replace(
    /"mask":(\d+)/g,
    (_, mask) => `"mask":0x${Number(mask).toString(16)}`,
  )
  return `// Written by \`npm run seccomp\`; do not edit.
//
// What Docker lets a container without any capability do: default.json of
// ${sources.profile} (Apache-2.0, copyright The Moby Authors;
// sha256 ${sources.sha256}).
// Rules that ask for a capability, an older kernel or another architecture are left out.
// Numbers: ${sources.numbers}.

import type { SeccompProfile } from './seccomp-program.ts'

export const profile: SeccompProfile = {
  allowed: \`
${wrap(allowed, 92)
  .map((line) => `    ${line}\n`)
  .join('')}  \`,
  ${rest.slice(1)}
`
}

function wrap(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
