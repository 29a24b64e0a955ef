// Runs the thread pool's own source in every order that its threads can take, and with every value that C's memory model lets a
// load return: mutexes, conditions, threads and atomics are replaced by these, which stop before each operation. Threads are
// coroutines, so that a state can be copied, hashed and gone back to; states that were seen before are not entered again.
//
//     model [CALLERS THREADS RUNS RANGES]      without them, some that take seconds
//
// What must hold: some thread can always go on without a spurious wake-up (none is lost), each range of a run is worked on once and
// during its run, a range's thread knows what was written before the run, the caller knows afterwards what was written in
// each range, nobody touches a pool that is gone, and creation ends as it should where a thread cannot be started.
//
// What is left out: a store takes its place in an atomic's order when it is made; a weak comparison does not fail on its own, as
// that changes nothing; loads repeated while spinning count once, as all but the last change nothing.
#define _GNU_SOURCE
#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

enum { THREADS = 5, ATOMICS = 3, LOCKS = 4, HISTORY = 24, RUNS = 6, RANGES = 4, STACK = 4096, POOL = 1024, TRACE = 4096 };

// ---- The state ----

// What a thread knows: facts (see `fact`), and for each atomic the oldest value that it may still read.
typedef struct {
    uint32_t facts;
    uint8_t oldest[ATOMICS];
} view;

typedef struct {
    const void *address;
    size_t count;  // of the values below, oldest first: those that somebody may still read
    size_t values[HISTORY];
    view views[HISTORY];  // what who reads it with acquire order knows
} atomic;

// A mutex (owner), or a condition.
typedef struct {
    const void *address;
    int owner;  // a thread + 1; of a condition 0
    view known;
} lock;

typedef enum { NOTHING, BEGIN, LOAD, STORE, SUBTRACT, EXCHANGE, LOCK, WAIT, SIGNAL, BROADCAST, CREATE, JOIN, FINISHED } operation;
static const char *const names[] = {"", "begins", "loads", "stores", "subtracts", "exchanges", "locks", "waits", "signals",
                                    "broadcasts", "creates", "joins", "ends"};

typedef struct {
    void *place[5];  // where it stopped, of which the third is its stack's end
    view known;
    // What it does next, with what.
    operation next;
    int object;
    size_t expected;  // by a comparison
    int waiting;      // for a condition + 1
    bool woken;
    int choice;  // of those that the operation has
    // How often the same atomic has been loaded in a row.
    int spins;
    int spun_on;
    bool clock;
    void *(*function)(void *);
    void *argument;
    int run;  // the run it calls, or -1
} thread;

typedef struct {
    size_t count, grain, ranges;
    bool is_open, has_begun;
    uint8_t done[RANGES];
} run;

static struct {
    thread threads[THREADS];
    int thread_count;
    atomic atomics[ATOMICS];
    int atomic_count;
    lock locks[LOCKS];
    int lock_count;
    run runs[RUNS];
    bool is_freed;
    // What is wrong; static texts.
    const char *failure;
    _Alignas(128) char pool[POOL];
} world;

static _Alignas(64) char stacks[THREADS][STACK];
static int running;
static void *scheduler[5];
static struct { int callers, threads, runs, ranges; } size;

static void fail(const char *text) {
    if (!world.failure) world.failure = text;
}

static void require(bool condition, const char *text) {
    if (!condition) fail(text);
}

// Range `range` of run `run` has been worked on; for range RANGES: what its caller wrote before.
static uint32_t fact(int run, int range) { return UINT32_C(1) << (run * (RANGES + 1) + range); }

static void learn(view *to, const view *from) {
    to->facts |= from->facts;
    for (int i = 0; i < ATOMICS; i++)
        if (from->oldest[i] > to->oldest[i]) to->oldest[i] = from->oldest[i];
}

static bool in_pool(const void *address) {
    return (const char *)address >= world.pool && (const char *)address < world.pool + POOL;
}

// ---- Operations, on a thread's own stack ----

// The compiler keeps nothing in registers over a builtin_setjmp, so that what a thread is at lies on its stack and in `place`.
static __attribute__((noinline)) void stop_here(void **place) {
    if (__builtin_setjmp(place) == 0) __builtin_longjmp(scheduler, 1);
}

// Stops before an operation, until the scheduler has chosen this thread.
static thread *before(operation next, int object) {
    thread *self = &world.threads[running];
    if (next != LOAD) self->spins = self->spun_on = 0;
    self->next = next;
    self->object = object;
    stop_here(self->place);
    self = &world.threads[running];
    self->next = NOTHING;
    self->object = 0;
    self->expected = 0;
    require(!world.is_freed || next == JOIN, "the pool is used after it was freed");
    return self;
}

static int atomic_at(const void *address) {
    for (int i = 0; i < world.atomic_count; i++)
        if (world.atomics[i].address == address) return i;
    assert(world.atomic_count < ATOMICS);
    world.atomics[world.atomic_count].address = address;
    return world.atomic_count++;
}

static int lock_at(const void *address) {
    for (int i = 0; i < world.lock_count; i++)
        if (world.locks[i].address == address) return i;
    assert(world.lock_count < LOCKS);
    world.locks[world.lock_count].address = address;
    return world.lock_count++;
}

// Forgets the values that nobody may read any more.
static void trim(int index) {
    atomic *a = &world.atomics[index];
    size_t gone = a->count - 1;
    for (int i = 0; i < world.thread_count; i++) {
        const thread *t = &world.threads[i];
        if (t->next != FINISHED && t->known.oldest[index] < gone) gone = t->known.oldest[index];
    }
    if (gone == 0) return;
    memmove(a->values, a->values + gone, (a->count - gone) * sizeof *a->values);
    memmove(a->views, a->views + gone, (a->count - gone) * sizeof *a->views);
    a->count -= gone;
    memset(a->values + a->count, 0, (HISTORY - a->count) * sizeof *a->values);
    memset(a->views + a->count, 0, (HISTORY - a->count) * sizeof *a->views);
#define SHIFT(view) ((view).oldest[index] = (uint8_t)((view).oldest[index] > gone ? (view).oldest[index] - gone : 0))
    for (int i = 0; i < world.thread_count; i++) SHIFT(world.threads[i].known);
    for (int i = 0; i < world.lock_count; i++) SHIFT(world.locks[i].known);
    for (int i = 0; i < world.atomic_count; i++)
        for (size_t j = 0; j < world.atomics[i].count; j++) SHIFT(world.atomics[i].views[j]);
#undef SHIFT
}

static bool releases(memory_order order) {
    return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst;
}
static bool acquires(memory_order order) {
    return order == memory_order_acquire || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static size_t read_at(thread *self, int index, size_t position, memory_order order) {
    self->choice = 0;
    atomic *a = &world.atomics[index];
    if (position > self->known.oldest[index]) self->known.oldest[index] = (uint8_t)position;
    const size_t value = a->values[position];
    if (acquires(order)) learn(&self->known, &a->views[position]);
    trim(index);
    return value;
}

// `continues`: whether who reads this also learns what the value before it told.
static void write(thread *self, int index, size_t value, memory_order order, bool continues) {
    atomic *a = &world.atomics[index];
    assert(a->count < HISTORY);
    self->known.oldest[index] = (uint8_t)a->count;
    view told = continues ? a->views[a->count - 1] : (view){0};
    if (releases(order)) learn(&told, &self->known);
    a->values[a->count] = value;
    a->views[a->count++] = told;
    trim(index);
}

static void model_init(const void *address, size_t value) {
    atomic *a = &world.atomics[atomic_at(address)];
    a->count = 1;
    a->values[0] = value;
}

static size_t model_load(const void *address, memory_order order) {
    thread *self = &world.threads[running];
    const int index = atomic_at(address);
    self->spins = self->spun_on == index ? self->spins + 1 : 1;
    self->spun_on = index;
    if (self->spins > 2 && order == memory_order_relaxed) return world.atomics[index].values[self->known.oldest[index]];
    self = before(LOAD, index);
    return read_at(self, index, self->known.oldest[index] + (size_t)self->choice, order);
}

static void model_store(const void *address, size_t value, memory_order order) {
    const int index = atomic_at(address);
    thread *self = before(STORE, index);
    write(self, index, value, order, false);
    if (self->run < 0 || world.runs[self->run].has_begun) return;
    // What describes a run has been written over what described another.
    world.runs[self->run].has_begun = true;
    for (int i = 0; i < size.callers * size.runs; i++) {
        if (i == self->run || !world.runs[i].has_begun) continue;
        for (size_t j = 0; j < world.runs[i].ranges; j++)
            require(self->known.facts & fact(i, (int)j), "a run begins before all that another did is known");
    }
}

static size_t model_subtract(const void *address, size_t value, memory_order order) {
    const int index = atomic_at(address);
    thread *self = before(SUBTRACT, index);
    const size_t last = world.atomics[index].count - 1;
    const size_t old = world.atomics[index].values[last];
    self->known.oldest[index] = (uint8_t)last;
    if (acquires(order)) learn(&self->known, &world.atomics[index].views[last]);
    write(self, index, old - value, order, true);
    return old;
}

// The first choice succeeds, if the last value is the expected one; the others read another value.
static bool model_exchange(const void *address, size_t *expected, size_t value, memory_order success, memory_order failure) {
    const int index = atomic_at(address);
    world.threads[running].expected = *expected;
    thread *self = before(EXCHANGE, index);
    const atomic *a = &world.atomics[index];
    const size_t last = a->count - 1;
    int choice = self->choice;
    if (a->values[last] == *expected && choice-- == 0) {
        self->known.oldest[index] = (uint8_t)last;
        if (acquires(success)) learn(&self->known, &a->views[last]);
        write(self, index, value, success, true);
        return true;
    }
    for (size_t i = self->known.oldest[index];; i++)
        if (a->values[i] != *expected && choice-- == 0) {
            *expected = read_at(self, index, i, failure);
            return false;
        }
}

static int model_lock(const void *address) {
    const int index = lock_at(address);
    thread *self = before(LOCK, index);
    world.locks[index].owner = running + 1;
    learn(&self->known, &world.locks[index].known);
    return 0;
}

static void release(int index) {
    require(world.locks[index].owner == running + 1, "a mutex is unlocked by who has not locked it");
    world.locks[index].owner = 0;
    world.locks[index].known = world.threads[running].known;
}

// Does not stop: whatever others could do before it, they can do after it as well.
static int model_unlock(const void *address) {
    release(lock_at(address));
    return 0;
}

static int model_wait(const void *condition, const void *mutex) {
    const int index = lock_at(mutex);
    release(index);
    world.threads[running].waiting = lock_at(condition) + 1;
    world.threads[running].woken = false;
    thread *self = before(WAIT, index);
    self->waiting = 0;
    self->woken = false;
    world.locks[index].owner = running + 1;
    learn(&self->known, &world.locks[index].known);
    return 0;
}

static int model_signal(const void *condition, bool all) {
    const int index = lock_at(condition);
    thread *self = before(all ? BROADCAST : SIGNAL, index);
    int choice = self->choice;
    for (int i = 0; i < world.thread_count; i++) {
        thread *t = &world.threads[i];
        if (t->waiting == index + 1 && !t->woken && (all || choice-- == 0)) t->woken = true;
    }
    return 0;
}

static int model_destroy(const void *address) {
    const int index = lock_at(address);
    require(world.locks[index].owner == 0, "a locked mutex is destroyed");
    for (int i = 0; i < world.thread_count; i++)
        require(world.threads[i].waiting != index + 1, "a condition that somebody waits for is destroyed");
    return 0;
}

static void start(void) {
    world.threads[running].next = NOTHING;
    world.threads[running].function(world.threads[running].argument);
    world.threads[running].next = FINISHED;
    world.threads[running].place[2] = stacks[running] + STACK;
    __builtin_longjmp(scheduler, 1);
}

static __attribute__((noinline)) void go_on(void) {
    thread *t = &world.threads[running];
    if (t->place[0]) __builtin_longjmp(t->place, 1);
    static ucontext_t beginning;
    getcontext(&beginning);
    beginning.uc_stack = (stack_t){.ss_sp = stacks[running], .ss_size = STACK};
    makecontext(&beginning, start, 0);
    setcontext(&beginning);
}

// Lets thread `running` make its next step.
static __attribute__((noinline)) void resume(void) {
    if (__builtin_setjmp(scheduler) == 0) go_on();
}

static int add_thread(void *(*function)(void *), void *argument) {
    assert(world.thread_count < THREADS);
    const int index = world.thread_count++;
    thread *t = &world.threads[index];
    memset(t, 0, sizeof *t);
    t->place[2] = stacks[index] + STACK;
    t->next = BEGIN;
    t->function = function;
    t->argument = argument;
    t->run = -1;
    return index;
}

// The second choice fails.
static int model_create(pthread_t *created, void *(*function)(void *), void *argument) {
    thread *self = before(CREATE, 0);
    if (self->choice == 1) return 11;
    const int index = add_thread(function, argument);
    world.threads[index].known = self->known;
    *created = (pthread_t)index;
    return 0;
}

static int model_join(pthread_t other) {
    thread *self = before(JOIN, (int)other);
    learn(&self->known, &world.threads[other].known);
    return 0;
}

// A spin takes as long as it may by its second look at the clock.
static int model_clock(struct timespec *now) {
    thread *self = &world.threads[running];
    self->clock = !self->clock;
    *now = (struct timespec){.tv_sec = self->clock ? 1 : 1000};
    return 0;
}

static int model_allocate(void **memory, size_t bytes) {
    assert(bytes <= POOL);
    *memory = world.pool;
    return 0;
}

static void model_free(void *memory) {
    if (in_pool(memory)) world.is_freed = true;
}

#undef atomic_init
#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_compare_exchange_weak_explicit
#define atomic_init(address, value) model_init(address, value)
#define atomic_load_explicit(address, order) model_load(address, order)
#define atomic_store_explicit(address, value, order) model_store(address, value, order)
#define atomic_fetch_sub_explicit(address, value, order) model_subtract(address, value, order)
#define atomic_compare_exchange_weak_explicit(address, expected, value, success, failure) \
    model_exchange(address, expected, value, success, failure)
#define pthread_mutex_init(mutex, attributes) 0
#define pthread_cond_init(condition, attributes) 0
#define pthread_mutex_destroy(mutex) model_destroy(mutex)
#define pthread_cond_destroy(condition) model_destroy(condition)
#define pthread_mutex_lock(mutex) model_lock(mutex)
#define pthread_mutex_unlock(mutex) model_unlock(mutex)
#define pthread_cond_wait(condition, mutex) model_wait(condition, mutex)
#define pthread_cond_signal(condition) model_signal(condition, false)
#define pthread_cond_broadcast(condition) model_signal(condition, true)
#define pthread_create(thread, attributes, function, argument) model_create(thread, function, argument)
#define pthread_join(thread, result) model_join(thread)
#define clock_gettime(clock, now) model_clock(now)
#define posix_memalign(memory, alignment, bytes) model_allocate(memory, bytes)
#define free(memory) model_free(memory)
#include POOL_SOURCE
#undef free

// ---- What the threads do ----

static jk_pool *pool;

static void visit(void *context, size_t first, size_t last) {
    run *r = context;
    const int index = (int)(r - world.runs);
    thread *self = &world.threads[running];
    require(r->is_open, "a range is worked on outside of its run");
    require(self->known.facts & fact(index, RANGES), "a range is worked on by who does not know what was written before the run");
    const size_t range = first / r->grain;
    if (first % r->grain != 0 || range >= r->ranges || last != jk_least(first + r->grain, r->count)) return fail("a range is none of its run");
    require(r->done[range]++ == 0, "a range is worked on twice");
    const atomic *remaining = &world.atomics[atomic_at(&pool->remaining)];
    for (int i = 0; i < world.thread_count; i++)
        require(self->run != index || remaining->values[remaining->count - 1] == 0 || !world.threads[i].waiting || world.threads[i].woken,
                "a thread sleeps although there is work and the caller has woken them all");
    self->known.facts |= fact(index, (int)range);
}

static void call(int index) {
    run *r = &world.runs[index];
    thread *self = &world.threads[running];
    // Runs differ, so that nothing of another fits; the last range is shorter.
    r->ranges = (size_t)(size.ranges - index % 2 > 1 ? size.ranges - index % 2 : size.ranges);
    r->grain = (size_t)index + 2;
    r->count = r->ranges * r->grain - 1;
    r->is_open = true;
    self->known.facts |= fact(index, RANGES);
    self->run = index;
    jk_pool_run(pool, visit, r, r->count, r->grain);
    self->run = -1;
    r->is_open = false;
    for (size_t i = 0; i < r->ranges; i++) {
        require(r->done[i] == 1, "a run ends before all its ranges are done");
        require(self->known.facts & fact(index, (int)i), "a caller does not know what was done in its run");
    }
}

static void *calls(void *argument) {
    for (int i = 0; i < size.runs; i++) call((int)(intptr_t)argument * size.runs + i);
    return NULL;
}

static void *everything(void *argument) {
    (void)argument;
    pthread_t other;
    pool = jk_pool_create((size_t)size.threads);
    if (!pool) {
        require(world.is_freed, "a pool that could not be made is not freed");
        return NULL;
    }
    const bool both = size.callers == 2 && pthread_create(&other, NULL, calls, (void *)1) == 0;
    calls(0);
    if (both) pthread_join(other, NULL);
    jk_pool_free(pool);
    return NULL;
}

// ---- The search ----

typedef struct {
    int thread;
    int choice;
    operation operation;
    int object;
} transition;

typedef struct {
    char *state;
    size_t byte_count;
    transition transitions[64];
    int count, next;
} frame;

static frame frames[TRACE];
static int depth;
static uint64_t *seen;
static size_t seen_capacity, seen_count;
static uint64_t transition_count;

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) {
    const char *p = bytes;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    for (; count > 0; p++, count--) hash = (hash ^ (uint64_t)(unsigned char)*p) * UINT64_C(0x100000001B3);
    return hash;
}

static size_t stack_size(int index) { return (size_t)(stacks[index] + STACK - (char *)world.threads[index].place[2]); }

static uint64_t hash_state(void) {
    uint64_t hash = mix(1, &world, sizeof world);
    for (int i = 0; i < world.thread_count; i++)
        hash = mix(hash, world.threads[i].place[2], stack_size(i));
    return hash ? hash : 1;
}

// - Returns: whether the state is new.
static bool enter(uint64_t hash) {
    if (2 * seen_count >= seen_capacity) {
        uint64_t *old = seen;
        const size_t old_capacity = seen_capacity;
        seen_capacity = old_capacity ? 2 * old_capacity : 1 << 16;
        seen = calloc(seen_capacity, sizeof *seen);
        if (!seen) abort();
        for (size_t i = 0; i < old_capacity; i++) {
            if (!old[i]) continue;
            size_t place = old[i] & (seen_capacity - 1);
            while (seen[place]) place = (place + 1) & (seen_capacity - 1);
            seen[place] = old[i];
        }
        free(old);
    }
    size_t place = hash & (seen_capacity - 1);
    while (seen[place] && seen[place] != hash) place = (place + 1) & (seen_capacity - 1);
    if (seen[place]) return false;
    seen[place] = hash;
    seen_count++;
    return true;
}

static void save(frame *f) {
    size_t bytes = sizeof world;
    for (int i = 0; i < world.thread_count; i++) bytes += stack_size(i);
    if (bytes > f->byte_count) {
        f->state = realloc(f->state, f->byte_count = bytes);
        if (!f->state) abort();
    }
    memcpy(f->state, &world, sizeof world);
    char *to = f->state + sizeof world;
    for (int i = 0; i < world.thread_count; i++) {
        const size_t count = stack_size(i);
        memcpy(to, world.threads[i].place[2], count);
        to += count;
    }
}

static void restore(const frame *f) {
    memcpy(&world, f->state, sizeof world);
    const char *from = f->state + sizeof world;
    for (int i = 0; i < world.thread_count; i++) {
        const size_t count = stack_size(i);
        memcpy(world.threads[i].place[2], from, count);
        from += count;
    }
}

static int choices(int index) {
    const thread *t = &world.threads[index];
    int count = 0;
    switch (t->next) {
        case LOAD: return (int)world.atomics[t->object].count - t->known.oldest[t->object];
        case EXCHANGE: {
            const atomic *a = &world.atomics[t->object];
            if (a->values[a->count - 1] == t->expected) count++;
            for (size_t i = t->known.oldest[t->object]; i < a->count; i++) count += a->values[i] != t->expected;
            return count;
        }
        case LOCK:
        case WAIT: return world.locks[t->object].owner == 0;
        case SIGNAL:
            for (int i = 0; i < world.thread_count; i++)
                count += world.threads[i].waiting == t->object + 1 && !world.threads[i].woken;
            return count ? count : 1;
        case CREATE: return 2;
        case JOIN: return world.threads[t->object].next == FINISHED;
        case FINISHED: return 0;
        default: return 1;
    }
}

// Fills a frame with what can happen next. - Returns: whether something can that is no spurious wake-up.
static bool list(frame *f) {
    bool goes_on = false;
    f->count = f->next = 0;
    // A thread's beginning does nothing: whatever else can happen can do so behind it.
    for (int i = 0; i < world.thread_count; i++)
        if (world.threads[i].next == BEGIN) return f->transitions[f->count++] = (transition){i, 0, BEGIN, 0}, true;
    for (int i = 0; i < world.thread_count; i++) {
        const thread *t = &world.threads[i];
        const int count = choices(i);
        if (count > 0 && (t->next != WAIT || t->woken)) goes_on = true;
        for (int choice = 0; choice < count; choice++) {
            assert(f->count < 64);
            f->transitions[f->count++] = (transition){i, choice, t->next, t->object};
        }
    }
    return goes_on;
}

static bool has_ended(void) {
    for (int i = 0; i < world.thread_count; i++)
        if (world.threads[i].next != FINISHED) return false;
    return true;
}

static void print_trace(void) {
    for (int i = 0; i < depth; i++) {
        const transition t = frames[i].transitions[frames[i].next - 1];
        printf("  thread %d %s", t.thread, names[t.operation]);
        if (t.operation >= LOAD && t.operation <= EXCHANGE) printf(" atomic %d, choice %d", t.object, t.choice);
        if (t.operation >= LOCK && t.operation <= BROADCAST) printf(" lock %d", t.object);
        printf("\n");
    }
}

// - Returns: whether everything holds.
static bool search(int callers, int threads, int runs, int ranges) {
    size.callers = callers, size.threads = threads, size.runs = runs, size.ranges = ranges;
    assert(callers * runs <= RUNS && ranges <= RANGES && threads + callers - 1 <= THREADS);
    memset(&world, 0, sizeof world);
    memset(stacks, 0, sizeof stacks);
    if (seen) memset(seen, 0, seen_capacity * sizeof *seen);
    seen_count = 0, transition_count = 0;
    add_thread(everything, NULL);
    depth = 1;
    int deepest = 1;
    save(&frames[0]);
    list(&frames[0]);
    const char *fault = NULL;
    size_t ends = 0;
    while (depth > 0 && !fault) {
        frame *f = &frames[depth - 1];
        if (f->next == f->count) {
            depth--;
            continue;
        }
        restore(f);
        const transition t = f->transitions[f->next++];
        running = t.thread;
        world.threads[running].choice = t.choice;
        resume();
        // What lies beyond the stack's end would make equal states differ.
        memset(stacks[running], 0, STACK - stack_size(running));
        transition_count++;
        fault = world.failure;
        if (fault || !enter(hash_state())) continue;
        assert(depth < TRACE);
        frame *next = &frames[depth];
        const bool goes_on = list(next);
        if (has_ended())
            ends++;
        else if (!goes_on)
            fault = "nobody can go on: a wake-up is lost";
        save(next);
        if (!fault && ++depth > deepest) deepest = depth;
    }
    if (!fault && ends == 0) fault = "no order comes to an end";
    printf("%d caller%s, %d thread%s, %d runs each of up to %d ranges: %zu states, %llu steps, up to %d in a row", callers,
           callers == 1 ? "" : "s", threads, threads == 1 ? "" : "s", runs, ranges, seen_count,
           (unsigned long long)transition_count, deepest);
    printf(fault ? ": %s\n" : "\n", fault);
    if (fault) print_trace();
    fflush(stdout);
    return !fault;
}

int main(int count, char **arguments) {
    if (count == 5)
        return !search(atoi(arguments[1]), atoi(arguments[2]), atoi(arguments[3]), atoi(arguments[4]));
    static const int sizes[][4] = {{1, 2, 1, 2}, {1, 2, 2, 3}, {1, 2, 3, 2}, {2, 2, 1, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (!search(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3])) return 1;
    return 0;
}
