// Compares every kernel and every quantizer of every instruction set that this program can run with scalar's, bit for bit (any
// NaN equals any other), at sizes around a vector, a tile and a block, with ordinary and extreme inputs.
//
// Results lie in memory with a mark that must stay where a kernel has nothing to write. Inputs are of the exact size,
// so that the address sanitizer sees what is read beyond. multiply_peak, which computes nothing, is only run.
#include <stdio.h>
#include <stdlib.h>

#include "kernels.h"
#include "quantizers.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct jk_kernels *scalar = &jk_scalar_kernels, *set;
static const struct jk_quantizers *scalar_quantizers = &jk_scalar_quantizers, *set_quantizers;
static size_t comparisons, failures;  // of one set
static uint64_t seed;     // of the case in hand: what is random in it follows from this
static char subject[200]; // its sizes

// ---------------------------------------------------------------------------------------------- memory and numbers

static void *allocations[64];
static size_t allocation_count;

// Memory until the end of the case, filled with `byte`.
static void *make(size_t size, int byte) {
    void *memory = malloc(size);
    if ((!memory && size) || allocation_count == COUNT(allocations)) {
        printf("no memory for the case of %s\n", subject);
        exit(1);
    }
    if (size) memset(memory, byte, size);
    return allocations[allocation_count++] = memory;
}

static void *copy(const void *bytes, size_t size) {
    void *memory = make(size, 0);
    if (size) memcpy(memory, bytes, size);
    return memory;
}

static void end_case(void) {
    while (allocation_count) free(allocations[--allocation_count]);
}

// SplitMix64.
static uint64_t state;
static uint64_t next(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static float uniform(void) { return (float)(next() >> 40) * 0x1p-24f; }

// Around a normal distribution: four uniform numbers, variance 1/3.
static float normal(void) { return uniform() + uniform() + uniform() + uniform() - 2; }

typedef enum {
    NORMAL, EQUAL, ALTERNATING, ZERO, SUBNORMAL, HUGE_VALUE, LARGEST, INFINITE, NOT_A_NUMBER, PATTERNS
} pattern;
static const char *pattern_names[] = {"normal", "equal", "alternating", "zero", "subnormal",
                                      "huge",   "largest", "infinite", "NaN"};

static float *numbers(size_t count, pattern pattern) {
    float *x = make(count * sizeof *x, 0);
    for (size_t i = 0; i < count; i++) {
        x[i] = normal();
        if (pattern == EQUAL) x[i] = 1.5f;
        if (pattern == ALTERNATING) x[i] = i % 2 ? -1.5f : 1.5f;
        if (pattern == ZERO) x[i] = i % 2 ? -0.0f : 0.0f;
        if (pattern == SUBNORMAL) x[i] *= 0x1p-136f;
    }
    if (count == 0) return x;
    if (pattern == HUGE_VALUE) x[next() % count] = 3e37f;
    if (pattern == LARGEST) x[next() % count] = -FLT_MAX;
    if (pattern == INFINITE) x[next() % count] = next() % 2 ? INFINITY : -INFINITY;
    if (pattern == NOT_A_NUMBER) x[next() % count] = NAN;
    return x;
}

static size_t padded(size_t width) { return jk_parts(width, JK_GROUP) * JK_GROUP; }

// ---------------------------------------------------------------------------------------------- comparing

static void begin_case(const char *format, size_t a, size_t b, size_t c, const char *text) {
    end_case();
    state = ++seed;
    snprintf(subject, sizeof subject, format, a, b, c, text);
}

static void fail(const char *kernel, size_t at, const char *detail) {
    if (failures++ < 10) printf("FAILED %s, %s: %s, seed %llu: at %zu %s\n", kernel, set->name, subject,
                                (unsigned long long)seed, at, detail);
}

static void same_floats(const char *kernel, const float *expected, const float *found, size_t count) {
    comparisons++;
    for (size_t i = 0; i < count; i++) {
        const bool nan = expected[i] != expected[i] && found[i] != found[i];
        if (nan || jk_bits(expected[i]) == jk_bits(found[i])) continue;
        char detail[100];
        snprintf(detail, sizeof detail, "%a, not %a", (double)found[i], (double)expected[i]);
        fail(kernel, i, detail);
        return;
    }
}

static void same_bytes(const char *kernel, const void *expected, const void *found, size_t count) {
    const uint8_t *a = expected, *b = found;
    comparisons++;
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i]) {
            char detail[100];
            snprintf(detail, sizeof detail, "byte %d, not %d", b[i], a[i]);
            fail(kernel, i, detail);
            return;
        }
}

static void same_halves(const char *kernel, const uint16_t *expected, const uint16_t *found, size_t count) {
    comparisons++;
    for (size_t i = 0; i < count; i++) {
        const bool nan = (expected[i] & 0x7FFF) > 0x7C00 && (found[i] & 0x7FFF) > 0x7C00;
        if (nan || expected[i] == found[i]) continue;
        char detail[100];
        snprintf(detail, sizeof detail, "half %04x, not %04x", found[i], expected[i]);
        fail(kernel, i, detail);
        return;
    }
}

// ---------------------------------------------------------------------------------------------- products

typedef void matmul_kernel JK_MATMUL_ARGUMENTS;
static matmul_kernel *matmul_of(const struct jk_kernels *table, jk_type type) {
    switch (type) {
#define MATMUL(type, number, name, kernels, ...) \
    case type: return table->matmul_##kernels;
        JK_TYPES(MATMUL)
    }
    return NULL;
}

// Strips as a file could hold them: any bytes, or `byte` throughout, under row scales of a pattern.
static jk_matrix make_matrix(jk_type type, size_t rows, size_t columns, int byte, pattern pattern) {
    const size_t strips = jk_parts(rows, JK_LANES), size = jk_strip_size(type, columns);
    uint8_t *bytes = make(strips * size, byte);
    switch (type) {
        case JK_F32: memcpy(bytes, numbers(strips * columns * 8, pattern), strips * size); break;
        case JK_BF16: {
            const float *weights = numbers(strips * columns * 8, pattern);
            uint16_t *stored = (uint16_t *)(void *)bytes;
            for (size_t i = 0; i < strips * columns * 8; i++) stored[i] = (uint16_t)(jk_bits(weights[i]) >> 16);
            break;
        }
        JK_CODE_TYPES(JK_CASE) {
            if (byte < 0) for (size_t i = 0; i < strips * size; i++) bytes[i] = (uint8_t)next();
            const float *scales = numbers(strips * 8, pattern);
            for (size_t i = 0; i < strips; i++) memcpy(bytes + i * size, scales + 8 * i, 32);
        }
    }
    return (jk_matrix){bytes, type, (uint32_t)rows, (uint32_t)columns};
}

static jk_rows make_rows(size_t count, size_t columns, pattern pattern) {
    const size_t stride = padded(columns), groups = count * stride / JK_GROUP;
    jk_rows x = {make(count * stride * sizeof(float), 0), make(count * stride, 0), make(groups * sizeof(float), 0),
                 make(groups * sizeof(int32_t), 0), stride};
    const float *values = numbers(count * columns, pattern);
    for (size_t i = 0; i < count && columns; i++)
        memcpy(x.values + i * stride, values + i * columns, columns * sizeof *values);
    scalar->quantize(x.values, x.codes, x.scales, x.offsets, groups);
    return x;
}

// Tokens 1 ..< 1 + count of a batch; once all strips, once those between the first and the last, and with an index.
static void compare_product(jk_type type, const char *name, size_t rows, size_t columns, size_t count, int byte, pattern pattern) {
    begin_case("%zu rows, %zu columns, %zu tokens, %s", rows, columns, count, pattern_names[pattern]);
    const jk_matrix w = make_matrix(type, rows, columns, byte, byte < 0 ? pattern : NORMAL);
    const jk_rows x = make_rows(count + 1, columns, pattern);
    const size_t strips = jk_parts(rows, JK_LANES), y_stride = 8 * strips + 3;
    const size_t y_count = (count + 1) * y_stride + 16;  // for what is written beyond the last row
    uint32_t *index = make((count + 1) * sizeof *index, 0);
    for (size_t i = 0; i <= count; i++) index[i] = (uint32_t)(next() % (count + 1));
    for (int indexed = 0; indexed < 2; indexed++) {
        float *expected = make(y_count * sizeof *expected, 0x5A), *found = make(y_count * sizeof *found, 0x5A);
        const size_t first = indexed && strips > 1, last = strips - (indexed && strips > 2);
        matmul_of(scalar, type)(&w, &x, indexed ? index : NULL, 1, 1 + count, expected, y_stride, first, last);
        matmul_of(set, type)(&w, &x, indexed ? index : NULL, 1, 1 + count, found, y_stride, first, last);
        same_floats(name, expected, found, y_count);
    }
}

static void compare_products(jk_type type, const char *name) {
    // Around a tile, a group of int8, the end of a row, and the 32 tiles that products of looked-up weights take at a time, 16 with AMX.
    static const size_t columns[] = {0, 1, 3, 31, 32, 33, 63, 64, 65, 96, 128, 200, 512, 545, 1024, 1057};
    // Around a strip and two strips; around the 4 tokens that are packed together, and the 32 that a block takes; with AMX around 16,
    // and 64.
    static const size_t rows[] = {1, 7, 8, 9, 15, 16, 17, 24, 40};
    static const size_t tokens[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 46, 64, 65, 81};
    static const size_t together[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 21};
    static const int extremes[] = {0x00, 0x7F, 0x80, 0x81, 0xFF, 0xF0, 0x0F};
    size_t turn = 0;
    for (size_t c = 0; c < COUNT(columns); c++)
        for (size_t r = 0; r < COUNT(rows); r++) {
            const size_t most = columns[c] >= 512 ? 1 : 3;
            for (size_t i = 0; i < most; i++, turn++)
                compare_product(type, name, rows[r], columns[c], tokens[turn % COUNT(tokens)], -1,
                                (pattern)(turn % 2 ? NORMAL : turn / 2 % PATTERNS));
        }
    if (!jk_has_codes(type)) return;
    for (size_t b = 0; b < COUNT(extremes); b++)
        for (size_t i = 0; i < COUNT(together); i++, turn++)
            compare_product(type, name, rows[turn % COUNT(rows)], 160, together[i], extremes[b],
                            i % 2 ? ALTERNATING : EQUAL);
    // Just beyond the longest blocks of columns, by sets and numbers of tokens: two blocks, the second of one tile.
    compare_product(type, name, 17, 80 * JK_GROUP + 1, 33, -1, NORMAL);
    compare_product(type, name, 9, 256 * JK_GROUP + 1, 4, -1, NORMAL);
    compare_product(type, name, 9, 320 * JK_GROUP + 1, 7, -1, NORMAL);
    compare_product(type, name, 9, 640 * JK_GROUP + 1, 2, -1, NORMAL);
}

// ---------------------------------------------------------------------------------------------- vectors

static void compare_quantize(size_t groups, pattern pattern) {
    begin_case("%zu groups%.0zu%.0zu, %s", groups, 0, 0, pattern_names[pattern]);
    const float *x = numbers(groups * JK_GROUP, pattern);
    int8_t *codes[2];
    float *scales[2];
    int32_t *offsets[2];
    for (int i = 0; i < 2; i++) {
        codes[i] = make(groups * JK_GROUP, 0x5A);
        scales[i] = make(groups * sizeof(float), 0x5A);
        offsets[i] = make(groups * sizeof(int32_t), 0x5A);
        (i ? set : scalar)->quantize(x, codes[i], scales[i], offsets[i], groups);
    }
    same_bytes("quantize (codes)", codes[0], codes[1], groups * JK_GROUP);
    same_floats("quantize (scales)", scales[0], scales[1], groups);
    same_bytes("quantize (offsets)", offsets[0], offsets[1], groups * sizeof(int32_t));
}

static void compare_vectors(size_t width, pattern pattern) {
    begin_case("width %zu%.0zu%.0zu, %s", width, 0, 0, pattern_names[pattern]);
    const float *a = numbers(width, pattern), *b = numbers(width, NORMAL);
    float *norm[2], *sum[2], *scaled[2], *gate[2], *soft[2];
    for (int i = 0; i < 2; i++) {
        const struct jk_kernels *kernels = i ? set : scalar;
        norm[i] = make(padded(width) * sizeof(float), 0x5A);
        sum[i] = copy(b, width * sizeof(float));
        scaled[i] = copy(b, width * sizeof(float));
        gate[i] = copy(a, width * sizeof(float));
        soft[i] = copy(a, width * sizeof(float));
        kernels->rms_norm(a, b, 1e-6f, width, norm[i]);
        kernels->add(sum[i], a, width);
        kernels->add_scaled(scaled[i], a, 0.3f, width);
        kernels->silu_multiply(gate[i], b, width);
        kernels->softmax(soft[i], width);
    }
    same_floats("rms_norm", norm[0], norm[1], padded(width));
    same_floats("add", sum[0], sum[1], width);
    same_floats("add_scaled", scaled[0], scaled[1], width);
    same_floats("silu_multiply", gate[0], gate[1], width);
    same_floats("softmax", soft[0], soft[1], width);
}

// The whole range of exp, where rounding and limits could differ: silu(x) of every exponent and sign, and softmax.
static void compare_exponentials(void) {
    begin_case("all exponents%.0zu%.0zu%.0zu%s", 0, 0, 0, "");
    enum { N = 512 * 8 };
    float *x = make(N * sizeof *x, 0), *ones = numbers(N, EQUAL);
    for (uint32_t i = 0; i < N; i++) x[i] = jk_float((i / 8) << 23 | (uint32_t)(next() & 0x7FFFFF));
    float *expected = copy(x, N * sizeof *x), *found = copy(x, N * sizeof *x);
    scalar->silu_multiply(expected, ones, N);
    set->silu_multiply(found, ones, N);
    same_floats("silu_multiply", expected, found, N);
    for (int i = 0; i < N; i++) expected[i] = found[i] = -110.0f * (float)i / N;
    scalar->softmax(expected, N);
    set->softmax(found, N);
    same_floats("softmax", expected, found, N);
}

// ---------------------------------------------------------------------------------------------- Mamba

static void compare_convolution(size_t channels, size_t taps, size_t tokens, pattern pattern) {
    begin_case("%zu channels, %zu taps, %zu tokens, %s", channels, taps, tokens, pattern_names[pattern]);
    const size_t first = channels > JK_SCAN_BLOCK ? JK_SCAN_BLOCK : 0, past = (taps - 1) * channels;
    const float *x = numbers(tokens * channels, pattern), *history = numbers(past, NORMAL);
    const float *weight = numbers(taps * channels, NORMAL), *bias = seed % 2 ? NULL : numbers(channels, NORMAL);
    jk_convolution a[2];
    for (int i = 0; i < 2; i++) {
        float *next = copy(history, past * sizeof(float));
        a[i] = (jk_convolution){x, channels, weight, bias, next, next, make(tokens * channels * sizeof(float), 0x5A),
                                channels, channels, taps, tokens};
        (i ? set : scalar)->convolve(&a[i], first, channels);
    }
    same_floats("convolve", a[0].y, a[1].y, tokens * channels);
    same_floats("convolve (history)", a[0].next_history, a[1].next_history, past);
}

static void compare_scan(size_t channels, size_t state_size, size_t tokens, pattern pattern) {
    begin_case("%zu channels, %zu states, %zu tokens, %s", channels, state_size, tokens, pattern_names[pattern]);
    const size_t first = channels > JK_SCAN_BLOCK ? JK_SCAN_BLOCK : 0, states = state_size * channels;
    const float *u = numbers(tokens * channels, pattern), *dt = numbers(tokens * channels, pattern);
    const float *z = numbers(tokens * channels, pattern), *bias = numbers(channels, NORMAL);
    const float *b = numbers(tokens * state_size, NORMAL), *c = numbers(tokens * state_size, NORMAL);
    const float *d = numbers(channels, NORMAL), *state = numbers(states, NORMAL);
    float *decay = numbers(states, NORMAL);
    for (size_t i = 0; i < states; i++) decay[i] = -jk_exp(2 * decay[i]);
    jk_scan_arguments a[2];
    for (int i = 0; i < 2; i++) {
        float *next = copy(state, states * sizeof(float));
        a[i] = (jk_scan_arguments){
            .u = u, .u_stride = channels, .dt = dt, .dt_stride = channels, .dt_bias = bias, .a = decay, .b = b, .c = c,
            .b_stride = state_size, .c_stride = state_size, .d = d, .z = z, .z_stride = channels,
            .state = next, .next_state = next, .y = make(tokens * channels * sizeof(float), 0x5A),
            .y_stride = channels, .channels = channels, .state_size = state_size, .tokens = tokens};
        (i ? set : scalar)->scan(&a[i], first, channels);
    }
    same_floats("scan", a[0].y, a[1].y, tokens * channels);
    same_floats("scan (state)", a[0].next_state, a[1].next_state, states);
}

// ---------------------------------------------------------------------------------------------- attention

static void compare_attention(jk_kv_type type, size_t head_size, size_t positions, size_t window, size_t sinks,
                              pattern pattern) {
    begin_case("heads of %zu, %zu positions, type %zu, %s", head_size, positions, type, pattern_names[pattern]);
    enum { HEADS = 2, MOST_PAGES = 8, SHARE = 5 };
    const size_t page_size = jk_kv_page_size(type, HEADS, head_size), width = HEADS * head_size;
    const bool slides = window < positions;
    const size_t fixed = jk_parts(slides ? sinks : positions, JK_PAGE_POSITIONS);
    const size_t ring = slides ? jk_parts(window, JK_PAGE_POSITIONS) + 1 : 0, page_count = fixed + ring;
    const float *k = numbers(positions * width, NORMAL), *v = numbers(positions * width, pattern);
    const float *q = numbers(SHARE * width, seed % 3 ? NORMAL : pattern);
    void *pages[2][MOST_PAGES];
    float *y[2];
    for (int i = 0; i < 2; i++) {
        const struct jk_kernels *kernels = i ? set : scalar;
        for (size_t page = 0; page < page_count; page++) pages[i][page] = make(page_size, 0xFF);  // NaN
        const jk_kv kv = {pages[i], fixed, ring, slides ? sinks : 0, slides ? window : SIZE_MAX, type, HEADS, head_size};
        for (size_t j = 0; j < positions; j++) kernels->kv_store(&kv, k + j * width, v + j * width, j);
        y[i] = make(SHARE * width * sizeof(float), 0x5A);
        const jk_attention a = {&kv, q, SHARE * width, SHARE * HEADS, 0.3f, positions - 1, y[i], SHARE * width};
        for (size_t head = 0; head < HEADS; head++) {
            if (jk_kv_has_codes(&kv))
                kernels->attend_codes(&a, head, 0, SHARE, 0, jk_parts(positions, JK_PART_POSITIONS), NULL);
            else
                for (size_t j = SHARE * head; j < SHARE * (head + 1); j++)
                    kernels->attend(&kv, head, q + j * head_size, 0.3f, positions - 1, y[i] + j * head_size);
        }
    }
    for (size_t page = 0; page < page_count; page++) {
        if (type == JK_KV_F32) {
            same_floats("kv_store", pages[0][page], pages[1][page], page_size / 4);
        } else if (type == JK_KV_F16) {
            same_halves("kv_store", pages[0][page], pages[1][page], page_size / 2);
        } else {
            const size_t codes = page_size - 2 * JK_PAGE_POSITIONS * HEADS * sizeof(float);
            same_bytes("kv_store (codes)", pages[0][page], pages[1][page], codes);
            same_floats("kv_store (scales)", (const float *)(const void *)((const char *)pages[0][page] + codes),
                        (const float *)(const void *)((const char *)pages[1][page] + codes), (page_size - codes) / 4);
        }
    }
    same_floats("attend", y[0], y[1], SHARE * width);
    if (type != JK_KV_I4) return;
    for (int i = 0; i < 2; i++) (i ? set : scalar)->turn(y[i], head_size, 1.0f / (float)head_size);
    same_floats("turn", y[0], y[1], head_size);
}

// Records of parts, of which some have seen nothing.
static void compare_merging(size_t head_size, size_t count, pattern pattern) {
    begin_case("heads of %zu, %zu records%.0zu, %s", head_size, count, 0, pattern_names[pattern]);
    const size_t size = jk_record_size(head_size);
    float *records = numbers(count * size, pattern);
    for (size_t i = 0; i < count; i++) records[i * size + head_size + 1] = i % 3 == 1 ? 0.0f : 1.0f + (float)i;
    for (size_t i = 1; i < count; i += 3) records[i * size + head_size] = -INFINITY;
    float *whole[2], *y[2];
    for (int i = 0; i < 2; i++) {
        whole[i] = make(size * sizeof(float), 0);
        whole[i][head_size] = -INFINITY;
        y[i] = make(head_size * sizeof(float), 0x5A);
        (i ? set : scalar)->attend_merge(records, size, count, head_size, whole[i], y[i]);
    }
    same_floats("attend_merge", whole[0], whole[1], size);
    same_floats("attend_merge (quotient)", y[0], y[1], head_size);
}

// All halves there are, to float and back.
static void compare_halves(void) {
    begin_case("all halves%.0zu%.0zu%.0zu%s", 0, 0, 0, "");
    enum { SIZE = 256, PAGES = SIZE / JK_PAGE_POSITIONS };  // values, of 256 positions: 65536
    const size_t page_size = jk_kv_page_size(JK_KV_F16, 1, SIZE);
    void *pages[2][PAGES];
    float *y[2];
    for (int i = 0; i < 2; i++) {
        const struct jk_kernels *kernels = i ? set : scalar;
        for (size_t page = 0; page < PAGES; page++) pages[i][page] = make(page_size, 0);
        const jk_kv kv = {pages[i], PAGES, 0, 0, SIZE_MAX, JK_KV_F16, 1, SIZE};
        y[i] = make(SIZE * SIZE * sizeof(float), 0);
        const float *zeros = make(SIZE * sizeof(float), 0);
        for (size_t j = 0; j < SIZE; j++) {
            // With a key and a query of zeros, attention to the first position alone is its value.
            uint16_t *value = (uint16_t *)pages[i][0] + jk_value_offset(&kv, 0, 0, 0);
            for (size_t n = 0; n < SIZE; n++) value[n] = (uint16_t)(SIZE * j + n);
            kernels->attend(&kv, 0, zeros, 1.0f, 0, y[i] + j * SIZE);
        }
        // Halfway between two halves, and a little off.
        for (size_t j = 0; j < SIZE; j++) {
            float between[SIZE];
            for (size_t n = 0; n < SIZE; n++) {
                const uint32_t half = (uint32_t)(SIZE * j + n), magnitude = half & 0x7FFF;
                const float step = magnitude < 0x7C00 ? jk_float((jk_most(magnitude >> 10, 1) + 101) << 23) : 0.0f;
                between[n] = y[0][SIZE * j + n] + step * ((float)(n % 3) * 0x1p-12f + 0.5f - 0x1p-12f);
            }
            kernels->kv_store(&kv, zeros, between, j);
        }
    }
    same_floats("attend", y[0], y[1], SIZE * SIZE);
    for (size_t page = 0; page < PAGES; page++)
        same_halves("kv_store", pages[0][page], pages[1][page], page_size / 2);
}

// ---------------------------------------------------------------------------------------------- quantizers

static void compare_encoder(jk_type type, const char *name, size_t columns, size_t rows, const float *weights,
                            const float *importance, float step) {
    const size_t size = jk_strip_size(type, columns);
    uint8_t *strips[2];
    double errors[2][2] = {{0}};
    for (int i = 0; i < 2; i++) {
        strips[i] = make(size, 0x5A);
        jk_encode_strip_by(i ? set_quantizers : scalar_quantizers, type, weights, columns, rows, columns, importance, step,
                           strips[i], errors[i]);
    }
    same_bytes(name, strips[0], strips[1], size);
    same_bytes(name, errors[0], errors[1], sizeof errors[0]);
}

static void compare_encoders(size_t columns, size_t rows, size_t important, float step, pattern pattern) {
    begin_case(step > 0 ? "%zu columns, %zu rows, importance %zu, coarse, %s" : "%zu columns, %zu rows, importance %zu, %s",
               columns, rows, important, pattern_names[pattern]);
    const float *weights = numbers(rows * columns, pattern);
    float *importance = numbers(columns, NORMAL);
    for (size_t i = 0; i < columns; i++) importance[i] = fabsf(importance[i]) + 1e-3f;
#define COMPARE_ENCODER(type, number, name, kernels, ...) \
    compare_encoder(type, "encode_" #kernels, columns, rows, weights, important ? importance : NULL, step);
    JK_CODE_TYPES(COMPARE_ENCODER)
}

static void compare_refiner(jk_type type, const char *name, size_t columns, size_t rows, const float *weights,
                            const float *moments, size_t block, float step) {
    const size_t size = jk_strip_size(type, columns);
    uint8_t *strips[2];
    double errors[2][2] = {{0}};
    for (int i = 0; i < 2; i++) {
        strips[i] = make(size, 0x5A);
        jk_encode_strip_by(scalar_quantizers, type, weights, columns, rows, columns, NULL, step, strips[i], errors[i]);
        jk_refine_strip_by(i ? set_quantizers : scalar_quantizers, type, weights, columns, rows, columns, moments, block,
                           step, strips[i], errors[i]);
    }
    same_bytes(name, strips[0], strips[1], size);
    same_bytes(name, errors[0], errors[1], sizeof errors[0]);
}

// Moments of random rows, and a strip refined by them.
static void compare_refiners(size_t columns, size_t rows, float step, pattern pattern) {
    enum { BLOCK = 64, TOKENS = 7 };
    begin_case(step > 0 ? "%zu columns, %zu rows, blocks of %zu, coarse, %s" : "%zu columns, %zu rows, blocks of %zu, %s",
               columns, rows, BLOCK, pattern_names[pattern]);
    const size_t blocks = jk_parts(columns, BLOCK), stride = jk_parts(columns, JK_GROUP) * JK_GROUP;
    const float *weights = numbers(rows * columns, pattern), *x = numbers(TOKENS * stride, NORMAL);
    float *moments[2];
    for (int i = 0; i < 2; i++) {
        moments[i] = make(blocks * BLOCK * BLOCK * sizeof(float), 0);
        for (size_t b = 0; b < blocks; b++)
            (i ? set : scalar)->add_moments(x + b * BLOCK, stride, NULL, TOKENS, jk_least(BLOCK, columns - b * BLOCK),
                                            BLOCK, moments[i] + b * BLOCK * BLOCK);
    }
    same_floats("add_moments", moments[0], moments[1], blocks * BLOCK * BLOCK);
    for (size_t b = 0; b < blocks; b++) {
        float *block = moments[0] + b * BLOCK * BLOCK;
        for (size_t i = 0; i < BLOCK; i++) {
            for (size_t j = 0; j < i; j++) block[i * BLOCK + j] = block[j * BLOCK + i];
            block[i * BLOCK + i] += 0.5f;
        }
    }
#define COMPARE_REFINER(type, number, name, kernels, ...) \
    compare_refiner(type, "refine_" #kernels, columns, rows, weights, moments[0], BLOCK, step);
    JK_CODE_TYPES(COMPARE_REFINER)
}

// ---------------------------------------------------------------------------------------------- all of them

static void compare_set(void) {
    static const size_t widths[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
    static const size_t head_sizes[] = {1, 7, 8, 9, 20, 64, 72, 128};
    static const size_t positions[] = {1, 7, 8, 9, 56, 57, 63, 64, 65, 129, 257};
    static const size_t columns[] = {0, 1, 31, 32, 33, 64, 100, 128}, counts[] = {0, 1, 3, 5};
    seed = 0;
#define COMPARE_PRODUCTS(type, number, name, kernels, ...) compare_products(type, "matmul_" #kernels);
    JK_TYPES(COMPARE_PRODUCTS)
    for (pattern p = 0; p < PATTERNS; p++) {
        for (size_t i = 0; i < 4; i++) compare_quantize(i, p);
        for (size_t i = 0; i < COUNT(widths); i++) {
            compare_vectors(widths[i], p);
            for (size_t taps = 1; taps <= 4; taps++) compare_convolution(widths[i], taps, counts[(i + taps) % 4], p);
            compare_scan(widths[i], 1, counts[i % 4], p);
            compare_scan(widths[i], 16, counts[(i + 1) % 4], p);
        }
        compare_convolution(150, 4, 3, p);
        compare_scan(150, 7, 2, p);
        compare_scan(64, JK_MAX_STATE_SIZE, 2, p);
        for (size_t i = 0; i < COUNT(head_sizes); i++)
            for (size_t j = 0; j < COUNT(positions); j++)
                if ((i + j + p) % 3 == 0) {
                    const size_t window = j % 2 ? 1 + positions[j] / 2 : SIZE_MAX;
                    compare_attention((jk_kv_type)((i + j) / 2 % 3), head_sizes[i], positions[j], window,
                                      jk_least(i, window - 1), p);
                    compare_attention(JK_KV_I4, (size_t)32 << (i + j) % 4, positions[j], window, jk_least(i, window - 1), p);
                }
        for (size_t i = 1; i < 80; i += 13) compare_merging(i, 1 + i % 7, p);
        if (p == INFINITE || p == NOT_A_NUMBER) continue;  // the quantizers' callers refuse these
        for (size_t i = 0; i < COUNT(columns); i++) {
            const size_t rows = i % 2 ? 8 : p % 7 + 1;
            for (int coarse = 0; coarse < 2; coarse++) {
                const float step = coarse ? 0.2f + 0.1f * (float)i : 0.0f;
                compare_encoders(columns[i], rows, p % 2, step, p);
                if (columns[i] > 0) compare_refiners(columns[i], rows, step, p);
            }
        }
    }
    compare_exponentials();
    compare_halves();
    int32_t sink[8];
    for (size_t rounds = 0; rounds < 3; rounds++) set->multiply_peak(rounds, sink);
    end_case();
}

// An emulated program runs every set, whatever the machine has; any other can be helped out with the instructions of AMX.
bool emulate_tiles(void);
#if defined(JK_EMULATED)
#define CAN_RUN(value) true
#elif defined(__x86_64__) && defined(__linux__)
#define CAN_RUN(value) \
    (jk_kernels_of(value) != NULL || (value == JK_AMX && jk_kernels_of(JK_AVX512_VBMI) != NULL && emulate_tiles()))
#else
#define CAN_RUN(value) (jk_kernels_of(value) != NULL)
#endif

// The quantizers that go with a set.
static const struct jk_quantizers *quantizers_with(jk_instruction_set value) {
    switch (value) {
#define QUANTIZERS(value, table) \
    case value: return &jk_##table##_quantizers;
        JK_QUANTIZER_SETS(QUANTIZERS)
        default: return NULL;
    }
}

static bool any_failed;

static void compare_if_possible(jk_instruction_set value, const struct jk_kernels *table, bool possible) {
    if (value == JK_SCALAR || !possible) return;
    comparisons = failures = 0;
    set = table;
    set_quantizers = quantizers_with(value);
    compare_set();
    if (failures) printf("%s: %zu of %zu comparisons FAILED\n", set->name, failures, comparisons);
    else printf("%s: %zu comparisons with scalar\n", set->name, comparisons);
    any_failed |= failures != 0;
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);  // what failed is told even if a kernel then ruins the heap
#define COMPARE(value, table) compare_if_possible(value, &jk_##table##_kernels, CAN_RUN(value));
    JK_SETS(COMPARE)
    return any_failed;
}
