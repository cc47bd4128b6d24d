// What xen-orchestra does, with the library that it uses.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'
import process from 'node:process'
import readline from 'node:readline'
import { Readable } from 'node:stream'

const [modules, member, coordinator, password] = process.argv.slice(2)
const require = createRequire(path.join(modules, 'package.json'))
const { createClient } = await import(require.resolve('xen-api'))

const connect = async (url, user = 'root') => {
  const xapi = createClient({
    url,
    auth: { user, password },
    allowUnauthorized: true,
    debounce: 20,
    // Two calls that find the session gone race for a new one; the loser waits this long.
    eventPollDelay: 500,
  })
  xapi.on('error', error => console.error('xen-api error', error))
  await xapi.connect()
  return xapi
}

const refused = async (promise, code) => {
  const error = await promise.then(
    () => undefined,
    error => error
  )
  assert.equal(error?.code, code, `expected ${code}, got ${error}`)
}

// A wrong password is told from everything else.
const stranger = createClient({
  url: coordinator,
  auth: { user: 'root', password: 'wrong' },
  allowUnauthorized: true,
  watchEvents: false,
})
await refused(stranger.connect(), 'SESSION_AUTHENTICATION_FAILED')

// A member says who coordinates, and the client goes there by itself.
const xapi = await connect(member)
await xapi.objectsFetched
const { pool } = xapi
assert.equal(pool.$type, 'pool')
const hosts = Object.values(xapi.objects.indexes.type.host)
assert.equal(hosts.length, 2)
assert.equal(pool.$master.address, new URL(coordinator).hostname)

// The records of all types that the client knows came with the first events.
const vm = Object.values(xapi.objects.indexes.type.VM).find(_ => _.name_label === 'web1')
assert.equal(vm.power_state, 'Halted')
assert.equal(vm.$VBDs.length, 1)
const all = await xapi.getAllRecords('VM')
assert.ok(all.some(_ => _.$ref === vm.$ref))

// A change is seen as soon as the barrier has passed.
await xapi.call('VM.set_name_description', vm.$ref, 'née <à> "Paris" & 東京')
const changed = await xapi.barrier(vm.$ref)
assert.equal(changed.name_description, 'née <à> "Paris" & 東京')

// Tasks: a result, an error, a cancelled one.
assert.equal(await xapi.callAsync('VM.start', vm.$ref, false, false), '')
assert.equal((await xapi.barrier(vm.$ref)).power_state, 'Running')
await refused(xapi.callAsync('VM.start', vm.$ref, false, false), 'VM_BAD_POWER_STATE')
await refused(xapi.call('VM.start', vm.$ref, false, false), 'VM_BAD_POWER_STATE')
await refused(xapi.call('VM.get_record', 'OpaqueRef:00000000-0000-0000-0000-000000000001'), 'HANDLE_INVALID')
await refused(xapi.call('VM.no_such_message'), 'MESSAGE_METHOD_UNKNOWN')
const own = await xapi.createTask('of the client')
await xapi.call('task.cancel', own)
await xapi.callAsync('VM.hard_shutdown', vm.$ref)
assert.equal((await xapi.barrier(vm.$ref)).power_state, 'Halted')

// A file whose length nobody knows: the library probes, announces 1 PiB and hangs up at the end.
const file = Readable.from([Buffer.alloc(100_000, 7)])
await refused(xapi.putResource(file, '/import/', { task: true }), 'IMPORT_ERROR')

// The test loses all sessions, as a change of coordinator does; the client finds its way back.
console.log('lose sessions')
const lines = readline.createInterface({ input: process.stdin })
await new Promise(resolve => lines.once('line', resolve))
lines.close()
for (let i = 0; ; ++i) {
  // The library's own event loop logs in at the same time; who comes second finds no session.
  await new Promise(resolve => setTimeout(resolve, 500))
  try {
    await xapi.call('VM.set_name_description', vm.$ref, 'after')
    break
  } catch (error) {
    assert.ok(i < 20, error)
  }
}
let seen
for (let i = 0; i < 100 && seen !== 'after'; ++i) {
  await new Promise(resolve => setTimeout(resolve, 100))
  seen = xapi.getObject(vm.$ref).name_description
}
assert.equal(seen, 'after', 'events go on in the new session')

await xapi.disconnect()
console.log('all good')
process.exit(0)
