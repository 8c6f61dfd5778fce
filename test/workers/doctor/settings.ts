import type { KernelSettings } from '../../../src/workers/doctor/kernel-settings.ts'

/** Of an ordinary user on a machine where nothing stands in the way, but for what is given. */
export function settings(given: Partial<KernelSettings> = {}): KernelSettings {
  return {
    isRoot: false,
    isAdmin: false,
    hasUserNamespaces: true,
    maxUserNamespaces: 63_000,
    unprivilegedClone: undefined,
    appArmorRestriction: undefined,
    appArmorProfile: undefined,
    isFiltered: false,
    isContainer: false,
    coversOfProc: [],
    ...given,
  }
}
