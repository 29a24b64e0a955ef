// What ThreadSanitizer does not see of Swift on Linux, as it happens in libraries that are not instrumented; preloaded, this tells it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

void __tsan_acquire(void *address);
void __tsan_release(void *address);

// _MutexHandle._lockSlow(_ selfId: UInt32), which waits for a mutex: the rest of Mutex is compiled into who uses it. As nobody sleeps,
// the bit for those who do is never set.
SWIFT void $s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(uint32_t thread, SELF _Atomic uint32_t *storage);
SWIFT void $s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(uint32_t thread, SELF _Atomic uint32_t *storage) {
    for (;;) {
        uint32_t expected = 0;
        if (atomic_compare_exchange_strong_explicit(storage, &expected, thread, memory_order_acquire, memory_order_relaxed)) return;
        sched_yield();
    }
}

// References to arrays and other buffers: who finds that no other is left may change what others have read before they gave theirs up.
static void (*release)(void *object);
static bool (*is_unique)(const void *object);

// At the latest when the first object is given up, which other libraries' beginnings may do.
__attribute__((constructor)) static void begin(void) {
    release = (void (*)(void *))dlsym(RTLD_NEXT, "swift_release");
    is_unique = (bool (*)(const void *))dlsym(RTLD_NEXT, "swift_isUniquelyReferenced_nonNull_native");
    if (!release || !is_unique) abort();
    // The sanitizer starts a program that names places in the source, which has not got the sanitizer that this needs.
    unsetenv("LD_PRELOAD");
}

void swift_release(void *object);
void swift_release(void *object) {
    if (!release) begin();
    if ((intptr_t)object > 0) __tsan_release(object);
    release(object);
}

bool swift_isUniquelyReferenced_nonNull_native(const void *object);
bool swift_isUniquelyReferenced_nonNull_native(const void *object) {
    if (!is_unique) begin();
    const bool unique = is_unique(object);
    if (unique) __tsan_acquire((void *)(uintptr_t)object);
    return unique;
}
