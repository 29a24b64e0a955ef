// The operations: each splits its work over the pool and lets the table's kernels do it. How it is split never shows in
// the result.
#include "kernels.h"

// Ranges handed out per thread and operation: enough to even out threads that the system slows down.
enum { RANGES_PER_THREAD = 8 };

static size_t grain_of(const jk_engine *engine, size_t count, size_t least) {
    size_t grain = count / (jk_pool_threads(engine->pool) * RANGES_PER_THREAD);
    return grain < least ? least : grain;
}

typedef struct {
    const struct jk_kernels *kernels;
    const void *arguments;
} work_context;

static void quantize_work(void *context, size_t first, size_t last) {
    work_context *c = context;
    c->kernels->quantize(c->arguments, first, last);
}

void jk_quantize(const jk_engine *engine, const jk_rows *x, size_t count) {
    work_context c = {engine->kernels, x};
    jk_pool_run(engine->pool, quantize_work, &c, count, 4);
}

typedef struct {
    void (*kernel)(const jk_product *, size_t, size_t);
    const jk_product *product;
} product_context;

static void product_work(void *context, size_t first, size_t last) {
    product_context *c = context;
    c->kernel(c->product, first, last);
}

void jk_matmul(const jk_engine *engine, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t count,
               float *y, size_t y_stride) {
    jk_product product = {w, x, index, count, y, y_stride};
    product_context c = {NULL, &product};
    switch (w->type) {
    case JK_F32:
        c.kernel = engine->kernels->matmul_f32;
        break;
    case JK_BF16:
        c.kernel = engine->kernels->matmul_bf16;
        break;
    case JK_I8:
        c.kernel = engine->kernels->matmul_i8;
        break;
    case JK_NL4:
        c.kernel = engine->kernels->matmul_nl4;
        break;
    }
    size_t strips = (w->rows + JK_LANES - 1) / JK_LANES;
    // A range worth waking a thread for: about 32,000 weights.
    size_t least = 1 + 4096 / (w->columns + 1);
    jk_pool_run(engine->pool, product_work, &c, strips, grain_of(engine, strips, least));
}

typedef struct {
    const struct jk_kernels *kernels;
    float *y;
    size_t y_stride;
    const float *x;
    size_t x_stride;
    const float *weight;
    float eps;
    const uint32_t *index;
    const float *scale;
    size_t width;
} vector_context;

static void rms_norm_work(void *context, size_t first, size_t last) {
    vector_context *c = context;
    for (size_t i = first; i < last; i++)
        c->kernels->rms_norm(c->x + i * c->x_stride, c->weight, c->eps, c->width, c->y + i * c->y_stride);
}

void jk_rms_norm(const jk_engine *engine, const float *x, size_t x_stride, const float *weight, float eps, size_t width,
                 size_t count, float *y, size_t y_stride) {
    vector_context c = {engine->kernels, y, y_stride, x, x_stride, weight, eps, NULL, NULL, width};
    jk_pool_run(engine->pool, rms_norm_work, &c, count, 8);
}

static void add_work(void *context, size_t first, size_t last) {
    vector_context *c = context;
    for (size_t i = first; i < last; i++) c->kernels->add(c->y + i * c->y_stride, c->x + i * c->x_stride, c->width);
}

void jk_add(const jk_engine *engine, float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
            size_t count) {
    vector_context c = {engine->kernels, y, y_stride, x, x_stride, NULL, 0, NULL, NULL, width};
    jk_pool_run(engine->pool, add_work, &c, count, 8);
}

static void add_scaled_work(void *context, size_t first, size_t last) {
    vector_context *c = context;
    for (size_t i = first; i < last; i++)
        c->kernels->add_scaled(c->y + c->index[i] * c->y_stride, c->x + i * c->x_stride, c->scale[i], c->width);
}

void jk_add_scaled(const jk_engine *engine, float *y, size_t y_stride, const uint32_t *index, const float *x,
                   size_t x_stride, const float *scale, size_t width, size_t count) {
    vector_context c = {engine->kernels, y, y_stride, x, x_stride, NULL, 0, index, scale, width};
    jk_pool_run(engine->pool, add_scaled_work, &c, count, 8);
}

static void silu_multiply_work(void *context, size_t first, size_t last) {
    vector_context *c = context;
    for (size_t i = first; i < last; i++)
        c->kernels->silu_multiply(c->y + i * c->y_stride, c->x + i * c->x_stride, c->width);
}

void jk_silu_multiply(const jk_engine *engine, float *gate, size_t gate_stride, const float *up, size_t up_stride,
                      size_t width, size_t count) {
    vector_context c = {engine->kernels, gate, gate_stride, up, up_stride, NULL, 0, NULL, NULL, width};
    jk_pool_run(engine->pool, silu_multiply_work, &c, count, 2);
}

void jk_softmax(const jk_engine *engine, float *x, size_t count) { engine->kernels->softmax(x, count); }

// Channels are handed out in multiples of this, so that the kernels' blocks stay whole.
enum { CHANNEL_UNIT = 64 };

static void convolve_work(void *context, size_t first, size_t last) {
    work_context *c = context;
    const jk_convolution *a = c->arguments;
    size_t end = last * CHANNEL_UNIT;
    c->kernels->convolve(a, first * CHANNEL_UNIT, end < a->channels ? end : a->channels);
}

void jk_convolve(const jk_engine *engine, const jk_convolution *arguments) {
    work_context c = {engine->kernels, arguments};
    size_t units = (arguments->channels + CHANNEL_UNIT - 1) / CHANNEL_UNIT;
    jk_pool_run(engine->pool, convolve_work, &c, units, grain_of(engine, units, 1 + 32 / (arguments->tokens + 1)));
}

static void scan_work(void *context, size_t first, size_t last) {
    work_context *c = context;
    const jk_scan_arguments *a = c->arguments;
    size_t end = last * CHANNEL_UNIT;
    c->kernels->scan(a, first * CHANNEL_UNIT, end < a->channels ? end : a->channels);
}

void jk_scan(const jk_engine *engine, const jk_scan_arguments *arguments) {
    work_context c = {engine->kernels, arguments};
    size_t units = (arguments->channels + CHANNEL_UNIT - 1) / CHANNEL_UNIT;
    jk_pool_run(engine->pool, scan_work, &c, units, grain_of(engine, units, 1));
}

size_t jk_kv_page_size(jk_kv_type type, size_t kv_heads, size_t head_size) {
    return kv_heads * 2 * JK_PAGE_POSITIONS * head_size * (type == JK_KV_F16 ? 2 : 4);
}

void jk_kv_store(const jk_engine *engine, const jk_kv *kv, const float *k, size_t k_stride, const float *v,
                 size_t v_stride, size_t first, size_t tokens) {
    for (size_t t = 0; t < tokens; t++) engine->kernels->kv_store(kv, k + t * k_stride, v + t * v_stride, first + t);
}

static void attend_work(void *context, size_t first, size_t last) {
    work_context *c = context;
    c->kernels->attend(c->arguments, first, last);
}

void jk_attend(const jk_engine *engine, const jk_kv *kv, const float *q, size_t q_stride, size_t heads, float scale,
               size_t first, size_t tokens, float *y, size_t y_stride) {
    jk_attention a = {kv, q, q_stride, heads, scale, first, y, y_stride};
    work_context c = {engine->kernels, &a};
    jk_pool_run(engine->pool, attend_work, &c, tokens * heads, grain_of(engine, tokens * heads, 1));
}
