// What the machine can do at best: the speed of reading memory, and of multiplying int8.
#define _POSIX_C_SOURCE 200809L  // clock_gettime

#include <time.h>

#include "kernels.h"

enum { READ_BYTES = 1 << 20, ROUNDS = 5000, MULTIPLY_RANGES = 64 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

typedef struct {
    const uint8_t *bytes;
    size_t count;
} read_run;

// Several sums, so that only memory is waited for. The compiler must believe that they are used.
static void run_read(void *context, size_t first, size_t last) {
    const read_run *run = context;
    const size_t end = jk_least(last * READ_BYTES, run->count);
    uint64_t sums[8] = {0}, words[8];
    for (size_t i = first * READ_BYTES; i + sizeof words <= end; i += sizeof words) {
        memcpy(words, run->bytes + i, sizeof words);
        for (int k = 0; k < 8; k++) sums[k] += words[k];
    }
    for (int k = 0; k < 8; k++) __asm__ volatile("" : : "r"(sums[k]));
}

double jk_read_seconds(const jk_engine *engine, const void *bytes, size_t count) {
    read_run run = {bytes, count};
    const double start = seconds();
    jk_pool_run(engine->pool, run_read, &run, jk_parts(count, READ_BYTES), 1);
    return seconds() - start;
}

static void run_multiply(void *context, size_t first, size_t last) {
    const jk_engine *engine = context;
    for (size_t i = first; i < last; i++) {
        int32_t sink[8];
        engine->kernels->multiply_peak(ROUNDS, sink);
    }
}

double jk_multiply_rate(const jk_engine *engine) {
    jk_engine copy = *engine;
    const size_t ranges = MULTIPLY_RANGES * jk_pool_threads(engine->pool);
    double elapsed = 0;
    size_t runs = 0;
    while (elapsed < 0.1) {
        const double start = seconds();
        jk_pool_run(engine->pool, run_multiply, &copy, ranges, 1);
        elapsed += seconds() - start;
        runs++;
    }
    const size_t products = runs * ranges * ROUNDS * JK_PEAK_PRODUCTS;
    return (double)products / elapsed;
}
