// What the kernels' files share: the list of kernels, the tables of the sets, and where a KV cache's pages hold what.
#ifndef JK_KERNELS_H
#define JK_KERNELS_H

#include "CKernels.h"
#include "base.h"

#pragma GCC visibility push(hidden)

// Attention of some tokens, as jk_attend has it.
typedef struct {
    const jk_kv *kv;
    const float *q;
    size_t q_stride, heads;
    float scale;
    size_t position;  // of the first token
    float *y;
    size_t y_stride;
} jk_attention;

// Every kernel of an instruction set, once: the table's type, the tables and their initialisers expand from this list and,
// for products, from the list of types: matmul_f32, matmul_bf16, matmul_i8 and so on. Kernels run on the calling thread, on
// the part of the work that their last arguments name.
#define JK_KERNELS(KERNEL)                                                                                             \
    KERNEL(quantize, (const float *x, int8_t *codes, float *scales, int32_t *offsets, size_t groups))                  \
    /* One row. */                                                                                                     \
    KERNEL(rms_norm, (const float *x, const float *weight, float eps, size_t width, float *y))                         \
    KERNEL(add, (float *y, const float *x, size_t width))                                                              \
    KERNEL(add_scaled, (float *y, const float *x, float scale, size_t width))                                          \
    KERNEL(silu_multiply, (float *gate, const float *up, size_t width))                                                \
    KERNEL(softmax, (float *x, size_t count))                                                                          \
    /* One block of columns of some rows; index as in jk_add_moments. */                                               \
    KERNEL(add_moments, (const float *x, size_t stride, const uint32_t *index, size_t count, size_t width, size_t size,\
                         float *sums))                                                                                 \
    /* Channels first ..< last, all tokens. */                                                                         \
    KERNEL(convolve, (const jk_convolution *arguments, size_t first, size_t last))                                     \
    KERNEL(scan, (const jk_scan_arguments *arguments, size_t first, size_t last))                                      \
    /* One token; for attend also one head, at the given position; keys and values are floats. */                      \
    KERNEL(kv_store, (const jk_kv *kv, const float *k, const float *v, size_t position))                               \
    KERNEL(attend, (const jk_kv *kv, size_t kv_head, const float *q, float scale, size_t position, float *y))          \
    /* Keys and values are codes. Queries first ..< last of one KV head, at most jk_attend_queries: query n is that of */ \
    /* token n / share and the KV head's head n % share. Either the parts first_part ..< last_part are all that is seen, */ \
    /* and their sum goes to y; or there are `records`, and what is seen of each goes there ([part][query], */         \
    /* jk_record_size floats each). */                                                                                 \
    KERNEL(attend_codes, (const jk_attention *a, size_t kv_head, size_t first, size_t last, size_t first_part,         \
                          size_t last_part, float *records))                                                           \
    /* x = H x * factor, H the Hadamard matrix of `size`, a power of two. */                                           \
    KERNEL(turn, (float *x, size_t size, float factor))                                                                \
    /* Adds records that are `stride` floats apart, ascending, to `whole`, a record; then, if y, y = whole's / total. */ \
    KERNEL(attend_merge, (const float *records, size_t stride, size_t count, size_t head_size, float *whole, float *y)) \
    /* JK_PEAK_PRODUCTS products of int8 a round, by the instructions of matmul_i8 and matmul_nl4, from registers. */  \
    KERNEL(multiply_peak, (size_t rounds, int32_t sink[8]))

// Products with a type of weights: tokens first_token ..< last_token, strips first ..< last of the matrix.
#define JK_MATMUL_ARGUMENTS                                                                                            \
    (const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token, size_t last_token, float *y,     \
     size_t y_stride, size_t first, size_t last)

struct jk_kernels {
    const char *name;
#define JK_MATMUL_MEMBER(type, number, name, kernels, ...) void(*matmul_##kernels) JK_MATMUL_ARGUMENTS;
    JK_TYPES(JK_MATMUL_MEMBER)
#undef JK_MATMUL_MEMBER
#define JK_MEMBER(kernel, arguments) void(*kernel) arguments;
    JK_KERNELS(JK_MEMBER)
#undef JK_MEMBER
};

// A set's table, at the end of its file.
#define JK_ENTRY(kernel, arguments) .kernel = kernel,
#define JK_MATMUL_ENTRY(type, number, name, kernels, ...) .matmul_##kernels = matmul_##kernels,
#define JK_TABLE(set) \
    const struct jk_kernels jk_##set##_kernels = {.name = #set, JK_TYPES(JK_MATMUL_ENTRY) JK_KERNELS(JK_ENTRY)};

// The instruction sets of each architecture, slowest first.
#if defined(__x86_64__)
#define JK_SETS(SET)                                                                            \
    SET(JK_SCALAR, scalar) SET(JK_AVX2, avx2) SET(JK_AVX_VNNI, avx_vnni) SET(JK_AVX512, avx512) \
    SET(JK_AVX512_VBMI, avx512_vbmi) SET(JK_AMX, amx)
#elif defined(__aarch64__)
#define JK_SETS(SET) SET(JK_SCALAR, scalar) SET(JK_NEON, neon) SET(JK_NEON_DOT, neon_dot) SET(JK_NEON_I8MM, neon_i8mm)
#else
#define JK_SETS(SET) SET(JK_SCALAR, scalar)
#endif

#define JK_DECLARE(value, set) extern const struct jk_kernels jk_##set##_kernels;
JK_SETS(JK_DECLARE)
#undef JK_DECLARE

// The constants of exp, each filling a vector. They are defined in another file so that a loop reads them as memory
// operands: where the compiler sees the values, it spends an instruction and a register on each.
struct jk_exp_constants {
    float most[8], least[8], per_ln2[8], magic[8], minus_ln2_high[8], minus_ln2_low[8];
    float one[8], c0[8], c1[8], c2[8], c3[8], c4[8];
};
extern const struct jk_exp_constants jk_exp_constants;

#pragma GCC visibility pop

enum {
    JK_SCAN_BLOCK = 64,      // channels that the scan takes through all tokens at once
    JK_PEAK_PRODUCTS = 1024  // of one round of multiply_peak
};

// The row of activations that token i of a product reads.
JK_INLINE size_t jk_source(const uint32_t *index, size_t i) { return index ? index[i] : i; }

// Rows of strip `strip` that the matrix really has, at most 8.
JK_INLINE size_t jk_strip_rows(const jk_matrix *w, size_t strip) {
    return jk_least(JK_LANES, w->rows - strip * JK_LANES);
}

// The page of a position.
JK_INLINE void *jk_page(const jk_kv *kv, size_t position) {
    const size_t n = position / JK_PAGE_POSITIONS;
    return kv->pages[n < kv->fixed_pages ? n : kv->fixed_pages + (n - kv->fixed_pages) % kv->ring_pages];
}

// Where a KV head's keys begin in a page, in elements: behind those before it and their values.
JK_INLINE bool jk_kv_has_codes(const jk_kv *kv) { return kv->type == JK_KV_I8 || kv->type == JK_KV_I4; }
JK_INLINE size_t jk_key_columns(const jk_kv *kv) {
    return jk_kv_has_codes(kv) ? jk_parts(kv->head_size, 4) * 4 : kv->head_size;
}
JK_INLINE size_t jk_head_offset(const jk_kv *kv, size_t kv_head) {
    return kv_head * JK_PAGE_POSITIONS * (jk_key_columns(kv) + kv->head_size);
}

// Element `column` of a position's key ([position / 8][head_size][8] of floats, [position / 16][head_size / 4][16][4] of codes).
JK_INLINE size_t jk_key_offset(const jk_kv *kv, size_t kv_head, size_t position, size_t column) {
    const size_t start = jk_head_offset(kv, kv_head), p = position % JK_PAGE_POSITIONS, columns = jk_key_columns(kv);
    if (jk_kv_has_codes(kv)) return start + p / 16 * 16 * columns + column / 4 * 64 + p % 16 * 4 + column % 4;
    return start + p / 8 * 8 * columns + column * 8 + p % 8;
}

// Element `column` of a position's value ([position][head_size] of floats, [position / 4][head_size][4] of codes).
JK_INLINE size_t jk_value_offset(const jk_kv *kv, size_t kv_head, size_t position, size_t column) {
    const size_t start = jk_head_offset(kv, kv_head) + JK_PAGE_POSITIONS * jk_key_columns(kv);
    const size_t p = position % JK_PAGE_POSITIONS;
    if (jk_kv_has_codes(kv)) return start + p / 4 * 4 * kv->head_size + column * 4 + p % 4;
    return start + p * kv->head_size + column;
}

// Bytes of so many codes.
JK_INLINE size_t jk_code_bytes(const jk_kv *kv, size_t count) { return kv->type == JK_KV_I4 ? count / 2 : count; }

// The scales of a head's keys in a page of codes, [64], followed by those of its values.
JK_INLINE float *jk_kv_scales(const jk_kv *kv, void *page, size_t kv_head) {
    return (float *)(void *)((char *)page + jk_code_bytes(kv, jk_head_offset(kv, kv->kv_heads))) + kv_head * 2 * JK_PAGE_POSITIONS;
}

// The visible positions of a block, counted within it: 0 ..< sinks and first ..< count, sinks <= first <= count. A
// position between them or behind them may hold anything: it was never written, or belongs to another page of the ring.
typedef struct {
    size_t sinks, first, count;
} jk_block;

// What a token at `position` sees of the block of 64 positions from `block` on, a multiple of 64, block <= position.
JK_INLINE jk_block jk_visible(const jk_kv *kv, size_t position, size_t block) {
    const size_t end = position + 1, oldest = end > kv->window ? end - kv->window : 0;
    jk_block seen;
    seen.count = jk_least(JK_PAGE_POSITIONS, end - block);
    seen.sinks = jk_least(seen.count, kv->sinks > block ? kv->sinks - block : 0);
    seen.first = jk_most(seen.sinks, jk_least(seen.count, oldest > block ? oldest - block : 0));
    return seen;
}

// The most queries that attend_codes takes: their results have a place on the stack, as a head's block of JK_KV_I4 has.
enum { JK_ATTEND_ELEMENTS = JK_MAX_HEAD_SIZE, JK_ATTEND_QUERIES = 64, JK_MAX_I4_HEAD = 256 };
JK_INLINE size_t jk_attend_queries(size_t head_size) {
    return jk_most(1, jk_least(JK_ATTEND_QUERIES, JK_ATTEND_ELEMENTS / head_size));
}

// Positions of a part of the text: what is seen of it is summed by itself and then added to what was seen before, so that
// several threads can share a text. And how many records of parts a round of jk_attend has room for, by token, and up to how
// many tokens it divides the positions.
enum { JK_PART_POSITIONS = 2048, JK_ATTEND_RECORDS = 64, JK_ATTEND_FEW = 16 };

// What attention has seen so far for one query, in floats: the sum of values, [head_size], the largest score (of the
// exponent of 2) and the sum of weights.
JK_INLINE size_t jk_record_size(size_t head_size) { return head_size + 2; }

#endif
