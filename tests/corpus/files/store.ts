import { EventEmitter } from 'node:events'

export interface Entry<T> {
    readonly key: string
    value: T
    expires?: number
}

export abstract class Store<T extends object> extends EventEmitter {
    protected readonly entries = new Map<string, Entry<T>>()

    constructor(private readonly clock: () => number = Date.now) {
        super()
    }

    /**
     * Returns what is kept under a key.
     *
     * @param key - the key
     * @returns the value, or undefined when it has expired
     */
    get(key: string): T | undefined {
        const entry = this.entries.get(key)
        if (entry === undefined) return undefined
        if (entry.expires !== undefined && entry.expires <= this.clock()) {
            this.entries.delete(key)
            return undefined
        }
        return entry.value
    }

    @logged('set')
    set(key: string, value: T, seconds?: number): void {
        const expires = seconds === undefined ? undefined : this.clock() + seconds * 1000
        this.entries.set(key, { key, value, expires })
        this.emit('set', key)
    }

    private *expired(now = this.clock()): Generator<string> {
        for (const [key, { expires }] of this.entries) {
            if (expires !== undefined && expires <= now) {
                yield key
            }
        }
    }

    async sweep(): Promise<number> {
        const gone = [...this.expired()]
        for (const key of gone) {
            this.entries.delete(key)
        }
        await Promise.resolve()
        return gone.length
    }
}

export function logged(name: string) {
    return (target: unknown, key: string, descriptor: PropertyDescriptor) => {
        console.debug(name, key)
        return descriptor
    }
}

export const groupBy = <T, K extends PropertyKey>(items: readonly T[], key: (item: T) => K): Record<K, T[]> => {
    const found = {} as Record<K, T[]>
    for (const item of items) {
        ;(found[key(item)] ??= []).push(item)
    }
    return found
}
