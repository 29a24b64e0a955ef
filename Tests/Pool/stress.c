// Uses thread pools as hard as it can, to be run under ThreadSanitizer: two callers of one pool, runs of few and of many ranges, pauses long
// enough for threads to fall asleep, pools made and freed. What is written before a run, in it and behind it are plain variables.
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "CKernels.h"

enum { MOST = 64, RUNS = 1500, POOLS = 8 };

typedef struct {
    jk_pool *pool;
    unsigned random;
    int before;
    int values[MOST];
} caller;

static void fill(void *context, size_t first, size_t last) {
    caller *c = context;
    for (size_t i = first; i < last; i++) c->values[i] = c->before + (int)i;
}

static void *call(void *argument) {
    caller *c = argument;
    for (int n = 0; n < RUNS; n++) {
        c->random = c->random * 1103515245u + 12345u;
        const size_t count = 1 + (c->random >> 16) % MOST, grain = 1 + (c->random >> 8) % 5;
        c->before = n;
        jk_pool_run(c->pool, fill, c, count, grain);
        for (size_t i = 0; i < count; i++)
            if (c->values[i] != n + (int)i) {
                printf("run %d: value %zu is %d\n", n, i, c->values[i]);
                exit(1);
            }
        if (c->random >> 28 == 0) nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return NULL;
}

int main(void) {
    for (size_t n = 0; n < POOLS; n++) {
        jk_pool *pool = jk_pool_create(2 + n % 3);
        if (!pool) return 1;
        caller callers[2] = {{.pool = pool, .random = (unsigned)n}, {.pool = pool, .random = 77 + (unsigned)n}};
        pthread_t other;
        if (pthread_create(&other, NULL, call, &callers[1]) != 0) return 1;
        call(&callers[0]);
        pthread_join(other, NULL);
        jk_pool_free(pool);
    }
    printf("%d runs\n", 2 * POOLS * RUNS);
    return 0;
}
