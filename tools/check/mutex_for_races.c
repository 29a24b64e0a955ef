// Swift's Mutex, for ThreadSanitizer on Linux: preloaded, it takes the place of the part of Synchronization that waits for a mutex. That part is no
// instrumented code, so that what happens under a mutex that somebody had to wait for looks like a race; the rest of Mutex is compiled
// into who uses it. What this does not need to know, as nobody sleeps: the bit for those who wait.
#define _POSIX_C_SOURCE 200809L
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// _MutexHandle._lockSlow(_ selfId: UInt32)
SWIFT void $s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(uint32_t thread, SELF _Atomic uint32_t *storage);
SWIFT void $s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(uint32_t thread, SELF _Atomic uint32_t *storage) {
    for (;;) {
        uint32_t expected = 0;
        if (atomic_compare_exchange_strong_explicit(storage, &expected, thread, memory_order_acquire, memory_order_relaxed)) return;
        sched_yield();
    }
}

// The sanitizer starts a program that names places in the source, which has not got the sanitizer that this needs.
__attribute__((constructor)) static void keep_to_this_process(void) { unsetenv("LD_PRELOAD"); }
