import { profile } from './seccomp-profile.ts'
import type { SeccompTarget } from './seccomp-program.ts'
import { seccompProgram } from './seccomp-program.ts'

const targets: Partial<Record<NodeJS.Architecture, SeccompTarget>> = {
  x64: { column: 0, auditArch: 0xc000003e },
  arm64: { column: 1, auditArch: 0xc00000b7 },
}

/**
 * The system calls that Docker leaves to a container without any capability, as the program that
 * `bwrap --seccomp FD` reads from a file descriptor: no namespaces, mounts, keys, kernel modules,
 * clocks, BPF or io_uring. What is refused fails with EPERM; clone3, whose flags no filter can see,
 * with ENOSYS, so that libc takes clone instead. 32-bit programs are killed.
 *
 * @returns undefined for an architecture that there is no profile for
 */
export function seccompFilter(architecture: NodeJS.Architecture): Buffer | undefined {
  const target = targets[architecture]
  return target && seccompProgram(profile, target)
}
