// The operations of CKernels.h: each cuts its work into ranges, and the pool's threads run the kernels on them.
//
// Ranges are sized by a rough cost in the time of one multiplication-addition of 8 lanes: large enough that handing one
// out (about 0.1 us) does not count, small enough that threads end together; about RANGES_IN_ALL, but two a thread at least, as each is a
// write to a counter that all threads want. Results do not depend on the cut.
#include "kernels.h"

enum { RANGE_COST = 16384, RANGES_PER_THREAD = 8, RANGES_IN_ALL = 64 };

// Items a range, when an item costs `cost`.
static size_t grain_of(const jk_engine *engine, size_t items, size_t cost) {
    const size_t threads = jk_pool_threads(engine->pool);
    const size_t ranges = jk_least(RANGES_PER_THREAD, jk_most(2, RANGES_IN_ALL / threads));
    const size_t fair = jk_parts(items, threads * ranges);
    return jk_most(fair, jk_parts(RANGE_COST, jk_most(cost, 1)));
}

// ---------------------------------------------------------------------------------------------- matrix products

typedef void(*matmul_kernel) JK_MATMUL_ARGUMENTS;

static matmul_kernel matmul_of(const struct jk_kernels *kernels, jk_type type) {
    switch (type) {
#define CHOOSE(type, number, name, kernels_, ...) \
    case type: return kernels->matmul_##kernels_;
        JK_TYPES(CHOOSE)
#undef CHOOSE
    }
    __builtin_trap();
}

typedef struct {
    matmul_kernel kernel;
    const jk_matrix *w;
    const jk_rows *x;
    const uint32_t *index;
    float *y;
    size_t y_stride, count, strips, tokens;  // `tokens` a part
} matmul_run;

// Item i is strip i % strips of part i / strips of the tokens.
static void run_matmul(void *context, size_t first, size_t last) {
    const matmul_run *run = context;
    while (first < last) {
        const size_t part = first / run->strips, strip = first % run->strips;
        const size_t end = jk_least(run->strips, strip + (last - first));
        const size_t token = part * run->tokens;
        run->kernel(run->w, run->x, run->index, token, token + jk_least(run->tokens, run->count - token), run->y,
                    run->y_stride, strip, end);
        first += end - strip;
    }
}

void jk_matmul(const jk_engine *engine, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t count,
               float *y, size_t y_stride) {
    const size_t threads = jk_pool_threads(engine->pool), bytes = jk_strip_size(w->type, w->columns);
    matmul_run run = {matmul_of(engine->kernels, w->type), w, x, index, y, y_stride, count, jk_parts(w->rows, JK_LANES), count};
    if (run.strips == 0 || count == 0) return;
    // A matrix with few strips occupies all threads only if the tokens are divided, too.
    while (run.strips * jk_parts(count, run.tokens) < 4 * threads && run.tokens >= 32)
        run.tokens = jk_parts(jk_parts(run.tokens, 2), 16) * 16;
    // Reading 32 bytes of weights costs about as much as four of the cost's units, or one for each further token.
    const size_t items = run.strips * jk_parts(count, run.tokens);
    const size_t grain = grain_of(engine, items, jk_parts(bytes, 32) * (3 + run.tokens));
    // Vectors hold one strip or two: an odd one would leave half a vector idle.
    jk_pool_run(engine->pool, run_matmul, &run, items, jk_most(2, grain / 2 * 2));
}

// Products of a part: of some strips with some tokens, as many as fit.
enum { PART_FLOATS = 4096, PART_TOKENS = 16 };

typedef struct {
    const jk_engine *engine;
    matmul_kernel kernel;
    const jk_matrix *w;
    const jk_rows *x;
    float scale, *y;
    size_t y_stride, count, strips, part_tokens, part_strips, columns;  // `columns` of parts
} add_matmul_run;

// Item i is part i % columns of the strips with part i / columns of the tokens.
static void run_add_matmul(void *context, size_t first, size_t last) {
    const add_matmul_run *run = context;
    const struct jk_kernels *kernels = run->engine->kernels;
    _Alignas(64) float products[PART_FLOATS];
    for (; first < last; first++) {
        const size_t token = first / run->columns * run->part_tokens, strip = first % run->columns * run->part_strips;
        const size_t tokens = jk_least(run->part_tokens, run->count - token);
        const size_t strips = jk_least(run->part_strips, run->strips - strip);
        const size_t rows = jk_least(strips * JK_LANES, run->w->rows - strip * JK_LANES), stride = strips * JK_LANES;
        const jk_matrix w = {(const uint8_t *)run->w->strips + strip * jk_strip_size(run->w->type, run->w->columns),
                             run->w->type, (uint32_t)rows, run->w->columns};
        jk_rows x = *run->x;
        x.values += token * x.stride;
        if (jk_has_codes(w.type)) {
            x.codes += token * x.stride;
            x.scales += token * (x.stride / JK_GROUP);
            x.offsets += token * (x.stride / JK_GROUP);
        }
        run->kernel(&w, &x, NULL, 0, tokens, products, stride, 0, strips);
        for (size_t t = 0; t < tokens; t++)
            kernels->add_scaled(run->y + (token + t) * run->y_stride + strip * JK_LANES, products + t * stride, run->scale,
                                rows);
    }
}

void jk_add_matmul(const jk_engine *engine, const jk_matrix *w, const jk_rows *x, size_t count, float scale, float *y,
                   size_t y_stride) {
    add_matmul_run run = {.engine = engine, .kernel = matmul_of(engine->kernels, w->type), .w = w, .x = x, .scale = scale,
                          .y = y, .y_stride = y_stride, .count = count, .strips = jk_parts(w->rows, JK_LANES)};
    if (run.strips == 0 || count == 0) return;
    run.part_tokens = jk_least(PART_TOKENS, count);
    run.part_strips = PART_FLOATS / JK_LANES / run.part_tokens;
    run.columns = jk_parts(run.strips, run.part_strips);
    const size_t items = run.columns * jk_parts(count, run.part_tokens);
    const size_t bytes = jk_strip_size(w->type, w->columns);
    const size_t cost = run.part_strips * (jk_parts(bytes, 32) * (3 + run.part_tokens) + 2 * run.part_tokens);
    jk_pool_run(engine->pool, run_add_matmul, &run, items, grain_of(engine, items, cost));
}

// ---------------------------------------------------------------------------------------------- vectors

typedef struct {
    const jk_engine *engine;
    const jk_rows *x;
} quantize_run;

static void run_quantize(void *context, size_t first, size_t last) {
    const quantize_run *run = context;
    const jk_rows *x = run->x;
    run->engine->kernels->quantize(x->values + first * JK_GROUP, x->codes + first * JK_GROUP, x->scales + first,
                                   x->offsets + first, last - first);
}

void jk_quantize(const jk_engine *engine, const jk_rows *x, size_t count) {
    quantize_run run = {engine, x};
    const size_t groups = count * (x->stride / JK_GROUP);  // rows follow each other without a gap
    jk_pool_run(engine->pool, run_quantize, &run, groups, grain_of(engine, groups, 16));
}

typedef struct {
    const jk_engine *engine;
    const float *x;
    size_t x_stride;
    const float *weight;
    float eps;
    size_t width;
    float *y;
    size_t y_stride;
} norm_run;

static void run_norm(void *context, size_t first, size_t last) {
    const norm_run *run = context;
    for (size_t i = first; i < last; i++)
        run->engine->kernels->rms_norm(run->x + i * run->x_stride, run->weight, run->eps, run->width,
                                       run->y + i * run->y_stride);
}

void jk_rms_norm(const jk_engine *engine, const float *x, size_t x_stride, const float *weight, float eps, size_t width,
                 size_t count, float *y, size_t y_stride) {
    norm_run run = {engine, x, x_stride, weight, eps, width, y, y_stride};
    jk_pool_run(engine->pool, run_norm, &run, count, grain_of(engine, count, width / 2));
}

// y and x row by row, in pieces of PIECE columns so that a single row can occupy several threads.
enum { PIECE = 1024 };

typedef struct {
    const jk_engine *engine;
    float *y;
    size_t y_stride;
    const float *x;
    size_t x_stride;
    const uint32_t *index;
    const float *scale;
    size_t width, pieces;
} elementwise_run;

#define DEFINE_ELEMENTWISE(name, call)                                                                                 \
    static void name(void *context, size_t first, size_t last) {                                                       \
        const elementwise_run *run = context;                                                                          \
        const struct jk_kernels *kernels = run->engine->kernels;                                                       \
        for (size_t item = first; item < last; item++) {                                                               \
            const size_t i = item / run->pieces, column = item % run->pieces * PIECE;                                  \
            const size_t width = jk_least(PIECE, run->width - column);                                                 \
            float *y = run->y + jk_source(run->index, i) * run->y_stride + column;                                     \
            const float *x = run->x + i * run->x_stride + column;                                                      \
            call;                                                                                                      \
        }                                                                                                              \
    }

DEFINE_ELEMENTWISE(run_add, kernels->add(y, x, width))
DEFINE_ELEMENTWISE(run_add_scaled, kernels->add_scaled(y, x, run->scale[i], width))
DEFINE_ELEMENTWISE(run_silu_multiply, kernels->silu_multiply(y, x, width))

void jk_add(const jk_engine *engine, float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
            size_t count) {
    elementwise_run run = {engine, y, y_stride, x, x_stride, NULL, NULL, width, jk_parts(width, PIECE)};
    const size_t items = count * run.pieces;
    jk_pool_run(engine->pool, run_add, &run, items, grain_of(engine, items, PIECE / 4));
}

bool jk_are_finite(const float *x, size_t count) {
    // The largest exponent alone is theirs. In integers, so that the compiler takes many at once.
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        found |= (bits & 0x7F800000) == 0x7F800000;
    }
    return !found;
}

void jk_add_scaled(const jk_engine *engine, float *y, size_t y_stride, const uint32_t *index, const float *x,
                   size_t x_stride, const float *scale, size_t width, size_t count) {
    elementwise_run run = {engine, y, y_stride, x, x_stride, index, scale, width, jk_parts(width, PIECE)};
    const size_t items = count * run.pieces;
    jk_pool_run(engine->pool, run_add_scaled, &run, items, grain_of(engine, items, PIECE / 4));
}

void jk_silu_multiply(const jk_engine *engine, float *gate, size_t gate_stride, const float *up, size_t up_stride,
                      size_t width, size_t count) {
    elementwise_run run = {engine, gate, gate_stride, up, up_stride, NULL, NULL, width, jk_parts(width, PIECE)};
    const size_t items = count * run.pieces;
    jk_pool_run(engine->pool, run_silu_multiply, &run, items, grain_of(engine, items, PIECE * 2));
}

void jk_softmax(const jk_engine *engine, float *x, size_t count) { engine->kernels->softmax(x, count); }

typedef struct {
    const jk_engine *engine;
    const jk_rows *x;
    const uint32_t *index;
    size_t count, width, size;
    float *sums;
} moments_run;

static void run_add_moments(void *context, size_t first, size_t last) {
    const moments_run *run = context;
    for (; first < last; first++) {
        const size_t column = first * run->size;
        run->engine->kernels->add_moments(run->x->values + column, run->x->stride, run->index, run->count,
                                          jk_least(run->width - column, run->size), run->size,
                                          run->sums + first * run->size * run->size);
    }
}

void jk_add_moments(const jk_engine *engine, const jk_rows *x, const uint32_t *index, size_t count, size_t width,
                    size_t size, float *sums) {
    moments_run run = {engine, x, index, count, width, size, sums};
    jk_pool_run(engine->pool, run_add_moments, &run, jk_parts(width, size), 1);
}

// ---------------------------------------------------------------------------------------------- Mamba

typedef struct {
    const jk_engine *engine;
    const void *arguments;
    size_t channels;
} channel_run;

// Item i is the i-th block of JK_SCAN_BLOCK channels.
static void run_convolution(void *context, size_t first, size_t last) {
    const channel_run *run = context;
    run->engine->kernels->convolve(run->arguments, first * JK_SCAN_BLOCK, jk_least(last * JK_SCAN_BLOCK, run->channels));
}

static void run_scan(void *context, size_t first, size_t last) {
    const channel_run *run = context;
    run->engine->kernels->scan(run->arguments, first * JK_SCAN_BLOCK, jk_least(last * JK_SCAN_BLOCK, run->channels));
}

void jk_convolve(const jk_engine *engine, const jk_convolution *arguments) {
    channel_run run = {engine, arguments, arguments->channels};
    const size_t blocks = jk_parts(arguments->channels, JK_SCAN_BLOCK);
    const size_t cost = arguments->tokens * (arguments->taps + 16) * 2;
    jk_pool_run(engine->pool, run_convolution, &run, blocks, grain_of(engine, blocks, cost));
}

void jk_scan(const jk_engine *engine, const jk_scan_arguments *arguments) {
    channel_run run = {engine, arguments, arguments->channels};
    const size_t blocks = jk_parts(arguments->channels, JK_SCAN_BLOCK);
    const size_t cost = (arguments->tokens + 1) * (arguments->state_size + 4) * 20;
    jk_pool_run(engine->pool, run_scan, &run, blocks, grain_of(engine, blocks, cost));
}

// ---------------------------------------------------------------------------------------------- attention

bool jk_kv_takes(jk_kv_type type, size_t head_size) {
    const bool is_power = head_size > 0 && (head_size & (head_size - 1)) == 0;
    return type != JK_KV_I4 || (is_power && head_size >= 32 && head_size <= JK_MAX_I4_HEAD);
}

size_t jk_kv_page_size(jk_kv_type type, size_t kv_heads, size_t head_size) {
    const jk_kv kv = {.type = type, .kv_heads = kv_heads, .head_size = head_size};
    const size_t elements = jk_head_offset(&kv, kv_heads);
    switch (type) {
        case JK_KV_F32: return 4 * elements;
        case JK_KV_F16: return 2 * elements;
        case JK_KV_I8:
        case JK_KV_I4: return jk_code_bytes(&kv, elements) + (size_t)2 * JK_PAGE_POSITIONS * kv_heads * sizeof(float);
    }
    __builtin_trap();
}

typedef struct {
    const jk_engine *engine;
    const jk_kv *kv;
    const float *k, *v;
    size_t k_stride, v_stride, first;
} store_run;

static void run_store(void *context, size_t first, size_t last) {
    const store_run *run = context;
    for (size_t t = first; t < last; t++)
        run->engine->kernels->kv_store(run->kv, run->k + t * run->k_stride, run->v + t * run->v_stride, run->first + t);
}

void jk_kv_store(const jk_engine *engine, const jk_kv *kv, const float *k, size_t k_stride, const float *v,
                 size_t v_stride, size_t first, size_t tokens) {
    store_run run = {engine, kv, k, v, k_stride, v_stride, first};
    jk_pool_run(engine->pool, run_store, &run, tokens, grain_of(engine, tokens, kv->kv_heads * kv->head_size * 2));
}

typedef struct {
    const jk_engine *engine;
    jk_attention attention;
    size_t tokens;
    // Of codes: queries a group, groups, and parts of a round, the first `sink_parts` of all that are seen at the beginning, the
    // others from `window_part` on.
    size_t group, groups, first_part, parts, sink_parts, window_part;
    float *records;
} attend_run;

// Item i is head i % heads of token i / heads.
static void run_attend(void *context, size_t first, size_t last) {
    const attend_run *run = context;
    const jk_attention *a = &run->attention;
    const size_t size = a->kv->head_size, share = a->heads / a->kv->kv_heads;
    for (size_t i = first; i < last; i++) {
        const size_t t = i / a->heads, head = i % a->heads;
        run->engine->kernels->attend(a->kv, head / share, a->q + t * a->q_stride + head * size, a->scale, a->position + t,
                                     a->y + t * a->y_stride + head * size);
    }
}

// Queries of a KV head: each token's.
static size_t query_count(const attend_run *run) { return run->tokens * (run->attention.heads / run->attention.kv->kv_heads); }

// The part that stands at place i of those that are seen.
static size_t seen_part(const attend_run *run, size_t i) {
    return i < run->sink_parts ? i : run->window_part + (i - run->sink_parts);
}

// Turns results of JK_KV_I4 back.
static void turn_back(const attend_run *run, size_t kv_head, size_t first, size_t last) {
    const jk_attention *a = &run->attention;
    const size_t share = a->heads / a->kv->kv_heads, size = a->kv->head_size;
    if (a->kv->type != JK_KV_I4) return;
    for (size_t i = first; i < last; i++)
        run->engine->kernels->turn(a->y + i / share * a->y_stride + (kv_head * share + i % share) * size, size, 1.0f / (float)size);
}

// Item i is group i % groups of KV head i / groups: all parts, one after the other.
static void run_attend_whole(void *context, size_t first, size_t last) {
    const attend_run *run = context;
    const size_t end = jk_parts(run->attention.position + run->tokens, JK_PART_POSITIONS);
    for (size_t i = first; i < last; i++) {
        const size_t query = i % run->groups * run->group, last_query = jk_least(query + run->group, query_count(run));
        run->engine->kernels->attend_codes(&run->attention, i / run->groups, query, last_query, 0, end, NULL);
        turn_back(run, i / run->groups, query, last_query);
    }
}

// Item i is part i % parts of the round, for group and KV head i / parts as above.
static void run_attend_part(void *context, size_t first, size_t last) {
    const attend_run *run = context;
    const size_t queries = query_count(run), record = jk_record_size(run->attention.kv->head_size);
    for (size_t i = first; i < last; i++) {
        const size_t place = i % run->parts, kv_head = i / run->parts / run->groups;
        const size_t query = i / run->parts % run->groups * run->group, part = seen_part(run, run->first_part + place);
        float *records = run->records + ((place * run->attention.kv->kv_heads + kv_head) * queries + query) * record;
        run->engine->kernels->attend_codes(&run->attention, kv_head, query, jk_least(query + run->group, queries), part,
                                           part + 1, records);
    }
}

// Item i is query i % queries of KV head i / queries.
static void run_attend_merge(void *context, size_t first, size_t last) {
    const attend_run *run = context;
    const jk_attention *a = &run->attention;
    const size_t queries = query_count(run), share = a->heads / a->kv->kv_heads, size = a->kv->head_size;
    const size_t record = jk_record_size(size), stride = queries * a->kv->kv_heads * record;
    const size_t seen = run->sink_parts + jk_parts(a->position + run->tokens, JK_PART_POSITIONS) - run->window_part;
    for (size_t i = first; i < last; i++) {
        float *whole = run->records + JK_ATTEND_RECORDS * a->heads * record + i * record;
        if (run->first_part == 0) {
            memset(whole, 0, record * sizeof *whole);
            whole[size] = -INFINITY;
        }
        const size_t head = i / queries * share + i % queries % share;
        float *y = a->y + i % queries / share * a->y_stride + head * size;
        const bool is_end = run->first_part + run->parts == seen;
        run->engine->kernels->attend_merge(run->records + i * record, stride, run->parts, size, whole, is_end ? y : NULL);
        if (is_end) turn_back(run, i / queries, i % queries, i % queries + 1);
    }
}

size_t jk_attend_scratch(size_t heads, size_t head_size) {
    return (JK_ATTEND_RECORDS + JK_ATTEND_FEW) * heads * jk_record_size(head_size);
}

static void attend_to_codes(attend_run *run) {
    const jk_attention *a = &run->attention;
    const jk_kv *kv = a->kv;
    jk_pool *pool = run->engine->pool;
    const size_t end = a->position + run->tokens, threads = jk_pool_threads(pool), queries = query_count(run);
    const size_t oldest = a->position + 1 > kv->window ? a->position + 1 - kv->window : 0;
    run->sink_parts = jk_least(jk_parts(jk_least(kv->sinks, end), JK_PART_POSITIONS), oldest / JK_PART_POSITIONS);
    run->window_part = oldest / JK_PART_POSITIONS;
    const size_t seen = run->sink_parts + jk_parts(end, JK_PART_POSITIONS) - run->window_part;
    // Few tokens occupy all threads only if the positions are divided, too.
    const bool divides = run->tokens <= JK_ATTEND_FEW && seen > 1;
    const size_t most = jk_attend_queries(kv->head_size), items = kv->kv_heads * (divides ? seen : 1);
    const size_t fair = jk_parts(queries, jk_parts(4 * threads, items));
    run->group = jk_least(most, jk_parts(fair, 4) * 4);
    run->groups = jk_parts(queries, run->group);
    if (!divides) {
        jk_pool_run(pool, run_attend_whole, run, kv->kv_heads * run->groups, 1);
        return;
    }
    const size_t round = JK_ATTEND_RECORDS / run->tokens;
    for (run->first_part = 0; run->first_part < seen; run->first_part += run->parts) {
        run->parts = jk_least(round, seen - run->first_part);
        jk_pool_run(pool, run_attend_part, run, run->parts * kv->kv_heads * run->groups, 1);
        jk_pool_run(pool, run_attend_merge, run, kv->kv_heads * queries, jk_parts(queries * kv->kv_heads, 4 * threads));
        if (run->first_part + run->parts == seen) break;
    }
}

void jk_attend(const jk_engine *engine, const jk_kv *kv, const float *q, size_t q_stride, size_t heads, float scale,
               size_t first, size_t tokens, float *y, size_t y_stride, float *scratch) {
    attend_run run = {engine, {kv, q, q_stride, heads, scale, first, y, y_stride}, .tokens = tokens, .records = scratch};
    if (tokens == 0) return;
    if (jk_kv_has_codes(kv)) {
        attend_to_codes(&run);
        return;
    }
    const size_t items = tokens * heads;
    const size_t seen = jk_least(first + tokens, kv->window) + jk_least(first + tokens, kv->sinks);
    const size_t cost = seen * jk_parts(kv->head_size, 4);
    jk_pool_run(engine->pool, run_attend, &run, items, grain_of(engine, items, cost));
}
