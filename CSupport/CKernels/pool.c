// A persistent pool of threads.
//
// One atomic, `remaining`, is both the ticket and the counter of ranges: whoever lowers it from r to r - 1 owns range
// `ranges - r`. The description of the run is read only by a thread that owns a range, and the caller cannot begin
// another run before every range is done, so a thread that sleeps through a whole run never holds it up and never sees
// half of the next one.
#define _POSIX_C_SOURCE 200809L  // clock_gettime and posix_memalign, where the compiler is asked for strict C11

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "kernels.h"

enum { SPIN_NANOSECONDS = 30000, SPINS_BETWEEN_CLOCKS = 32 };

struct jk_pool {
    // Written by the caller before `remaining` is raised.
    void (*work)(void *context, size_t first, size_t last);
    void *context;
    size_t count, grain, ranges;

    _Alignas(128) atomic_size_t remaining;   // ranges not yet taken
    _Alignas(128) atomic_size_t unfinished;  // ranges not yet done

    _Alignas(128) pthread_mutex_t callers;  // one run at a time
    pthread_mutex_t mutex;                  // guards what follows, and sleeping
    pthread_cond_t wake, done;
    size_t sleepers;
    bool caller_sleeps;
    atomic_bool stop;
    size_t threads;
    pthread_t workers[];
};

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Waits a short while for `value` to become zero (or, if not `zero`, something else); true if it did.
static bool spin(atomic_size_t *value, bool zero) {
    const uint64_t start = nanoseconds();
    do {
        for (int i = 0; i < SPINS_BETWEEN_CLOCKS; i++) {
            if ((atomic_load_explicit(value, memory_order_relaxed) == 0) == zero) return true;
            pause_briefly();
        }
    } while (nanoseconds() - start < SPIN_NANOSECONDS);
    return false;
}

// Takes ranges until none is left, and then says how many it has done: the caller waits for the last of them anyhow, and who writes
// to a counter that others want holds them up.
static void work(jk_pool *pool) {
    size_t done = 0, remaining = atomic_load_explicit(&pool->remaining, memory_order_relaxed);
    while (remaining > 0) {
        if (!atomic_compare_exchange_weak_explicit(&pool->remaining, &remaining, remaining - 1, memory_order_acquire,
                                                   memory_order_relaxed))
            continue;
        const size_t first = (pool->ranges - remaining) * pool->grain;
        pool->work(pool->context, first, first + jk_least(pool->grain, pool->count - first));
        done++;
        remaining = atomic_load_explicit(&pool->remaining, memory_order_relaxed);
    }
    if (done > 0 && atomic_fetch_sub_explicit(&pool->unfinished, done, memory_order_acq_rel) == done) {
        pthread_mutex_lock(&pool->mutex);
        if (pool->caller_sleeps) pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static void *worker(void *argument) {
    jk_pool *pool = argument;
    for (;;) {
        work(pool);
        if (spin(&pool->remaining, false)) continue;
        pthread_mutex_lock(&pool->mutex);
        pool->sleepers++;
        while (atomic_load_explicit(&pool->remaining, memory_order_relaxed) == 0 &&
               !atomic_load_explicit(&pool->stop, memory_order_relaxed))
            pthread_cond_wait(&pool->wake, &pool->mutex);
        pool->sleepers--;
        const bool stop = atomic_load_explicit(&pool->stop, memory_order_relaxed);
        pthread_mutex_unlock(&pool->mutex);
        if (stop) return NULL;
    }
}

// Stops and joins the first `started` workers.
static void stop(jk_pool *pool, size_t started) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store_explicit(&pool->stop, true, memory_order_relaxed);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < started; i++) pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->mutex);
    pthread_mutex_destroy(&pool->callers);
    free(pool);
}

jk_pool *jk_pool_create(size_t threads) {
    if (threads == 0 || threads > SIZE_MAX / sizeof(pthread_t) / 2) return NULL;
    void *memory;
    const size_t size = sizeof(jk_pool) + (threads - 1) * sizeof(pthread_t);
    if (posix_memalign(&memory, 128, size) != 0) return NULL;
    jk_pool *pool = memset(memory, 0, size);
    pool->threads = threads;
    atomic_init(&pool->remaining, 0);
    atomic_init(&pool->unfinished, 0);
    atomic_init(&pool->stop, false);
    // With default attributes these fail for want of memory at most, and take none on Linux and Darwin.
    if (pthread_mutex_init(&pool->callers, NULL) != 0 || pthread_mutex_init(&pool->mutex, NULL) != 0 ||
        pthread_cond_init(&pool->wake, NULL) != 0 || pthread_cond_init(&pool->done, NULL) != 0) {
        free(pool);
        return NULL;
    }
    for (size_t i = 0; i + 1 < threads; i++) {
        if (pthread_create(&pool->workers[i], NULL, worker, pool) != 0) {
            stop(pool, i);
            return NULL;
        }
    }
    return pool;
}

void jk_pool_free(jk_pool *pool) {
    if (pool) stop(pool, pool->threads - 1);
}

size_t jk_pool_threads(const jk_pool *pool) { return pool->threads; }

void jk_pool_run(jk_pool *pool, void (*function)(void *context, size_t first, size_t last), void *context, size_t count,
                 size_t grain) {
    grain = jk_most(grain, 1);
    if (pool->threads == 1 || count <= grain) {
        for (size_t first = 0; first < count; first += jk_least(grain, count - first))
            function(context, first, first + jk_least(grain, count - first));
        return;
    }
    pthread_mutex_lock(&pool->callers);
    pool->work = function;
    pool->context = context;
    pool->count = count;
    pool->grain = grain;
    pool->ranges = jk_parts(count, grain);
    atomic_store_explicit(&pool->unfinished, pool->ranges, memory_order_relaxed);
    atomic_store_explicit(&pool->remaining, pool->ranges, memory_order_release);
    pthread_mutex_lock(&pool->mutex);
    if (pool->sleepers > 0) pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);

    work(pool);
    if (!spin(&pool->unfinished, true)) {
        pthread_mutex_lock(&pool->mutex);
        pool->caller_sleeps = true;
        while (atomic_load_explicit(&pool->unfinished, memory_order_relaxed) != 0)
            pthread_cond_wait(&pool->done, &pool->mutex);
        pool->caller_sleeps = false;
        pthread_mutex_unlock(&pool->mutex);
    }
    // What the other threads did before their last decrement is visible from here on. (A fence would do, but
    // ThreadSanitizer does not see fences.)
    (void)atomic_load_explicit(&pool->unfinished, memory_order_acquire);
    pthread_mutex_unlock(&pool->callers);
}
