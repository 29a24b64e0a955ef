// A thread pool for runs of a few microseconds to a few milliseconds.
//
// A run is announced by a number that goes up. Workers spin for it a short while after their last run and then sleep on a
// condition. Ranges are taken from an atomic counter, so that a thread which the system has set aside holds up only the
// range it has in hand; the caller works too and then waits for those that joined.
#define _POSIX_C_SOURCE 200809L
#include "CKernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

// Turns of the spinning loops before a thread gives up and sleeps: some tens of microseconds.
enum { SPIN_TURNS = 2000 };

struct jk_pool {
    size_t threads;
    pthread_t *workers;
    pthread_mutex_t callers;  // held by the caller of a run, for its whole length

    // The run: written by the caller while no worker has joined.
    void (*work)(void *, size_t, size_t);
    void *context;
    size_t count, grain;
    _Alignas(64) atomic_size_t next;    // first item not handed out
    _Alignas(64) atomic_uint ticket;    // even: no run; odd: a run that workers may join
    _Alignas(64) atomic_uint working;   // workers that have joined and not left
    atomic_bool stopping;

    pthread_mutex_t mutex;
    pthread_cond_t wake;   // a run has begun, or the pool ends
    pthread_cond_t idle;   // the last worker has left
    atomic_uint sleepers;  // workers that wait for `wake`
    atomic_bool caller_sleeps;
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_ranges(jk_pool *pool) {
    for (;;) {
        size_t first = atomic_fetch_add_explicit(&pool->next, pool->grain, memory_order_relaxed);
        if (first >= pool->count) return;
        size_t left = pool->count - first;
        pool->work(pool->context, first, left < pool->grain ? pool->count : first + pool->grain);
    }
}

// Joins the run of the odd number `ticket` if it is still on.
static void join_run(jk_pool *pool, unsigned ticket) {
    // Join first, then look again: the caller closes the run before it waits for `working` to fall to zero, so a worker
    // that still sees the number open is waited for.
    atomic_fetch_add(&pool->working, 1);
    if (atomic_load(&pool->ticket) == ticket) take_ranges(pool);
    if (atomic_fetch_sub(&pool->working, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_signal(&pool->idle);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static void *worker(void *argument) {
    jk_pool *pool = argument;
    unsigned seen = 0;
    for (;;) {
        unsigned ticket = atomic_load(&pool->ticket);
        for (int turn = 0; turn < SPIN_TURNS && (ticket == seen || ticket % 2 == 0); turn++) {
            relax();
            ticket = atomic_load(&pool->ticket);
        }
        if (ticket == seen || ticket % 2 == 0) {
            pthread_mutex_lock(&pool->mutex);
            atomic_fetch_add(&pool->sleepers, 1);
            while (ticket = atomic_load(&pool->ticket),
                   (ticket == seen || ticket % 2 == 0) && !atomic_load(&pool->stopping))
                pthread_cond_wait(&pool->wake, &pool->mutex);
            atomic_fetch_sub(&pool->sleepers, 1);
            pthread_mutex_unlock(&pool->mutex);
        }
        if (atomic_load(&pool->stopping)) return NULL;
        seen = ticket;
        join_run(pool, ticket);
    }
}

static void stop_workers(jk_pool *pool, size_t started) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < started; i++) pthread_join(pool->workers[i], NULL);
}

static void release(jk_pool *pool) {
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    pthread_mutex_destroy(&pool->callers);
    free(pool->workers);
    free(pool);
}

jk_pool *jk_pool_create(size_t threads) {
    void *memory = NULL;
    if (threads == 0 || posix_memalign(&memory, 64, sizeof(jk_pool)) != 0) return NULL;
    jk_pool *pool = memory;
    *pool = (jk_pool){.threads = threads};
    pthread_mutex_init(&pool->callers, NULL);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pool->workers = calloc(threads, sizeof(pthread_t));
    if (!pool->workers) {
        release(pool);
        return NULL;
    }
    for (size_t i = 0; i + 1 < threads; i++)
        if (pthread_create(&pool->workers[i], NULL, worker, pool) != 0) {
            stop_workers(pool, i);
            release(pool);
            return NULL;
        }
    return pool;
}

void jk_pool_free(jk_pool *pool) {
    if (!pool) return;
    stop_workers(pool, pool->threads - 1);
    release(pool);
}

size_t jk_pool_threads(const jk_pool *pool) { return pool->threads; }

void jk_pool_run(jk_pool *pool, void (*work)(void *context, size_t first, size_t last), void *context, size_t count,
                 size_t grain) {
    if (grain == 0) grain = 1;
    if (pool->threads == 1 || count <= grain) {
        if (count > 0) work(context, 0, count);
        return;
    }
    pthread_mutex_lock(&pool->callers);
    pool->work = work;
    pool->context = context;
    pool->count = count;
    pool->grain = grain;
    atomic_store(&pool->next, 0);
    atomic_fetch_add(&pool->ticket, 1);  // odd: the run is open
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
    take_ranges(pool);
    atomic_fetch_add(&pool->ticket, 1);  // even: closed; whoever joined before is waited for
    for (int turn = 0; turn < SPIN_TURNS && atomic_load(&pool->working) > 0; turn++) relax();
    if (atomic_load(&pool->working) > 0) {
        pthread_mutex_lock(&pool->mutex);
        atomic_store(&pool->caller_sleeps, true);
        while (atomic_load(&pool->working) > 0) pthread_cond_wait(&pool->idle, &pool->mutex);
        atomic_store(&pool->caller_sleeps, false);
        pthread_mutex_unlock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->callers);
}
