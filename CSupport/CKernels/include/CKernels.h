// The arithmetic of jamba-edge: matrix products, the Mamba mixer, attention, and the thread pool that runs them.
//
// Kernels know nothing of files or layers. They do not allocate, fail, or read mutable globals. Every instruction set gives
// the same bits (docs/NUMERICS.md), so results never depend on the machine, the number of threads, or how tokens are
// batched. What these bits are is specified once for each kernel: products (jk_matmul) by the plain loops of `scalar.c`; all
// others by a text over vectors of 8 lanes that every set includes (`*-inl.h`), together with what an operation on such a
// vector is in plain C (`v8-scalar-inl.h`). That the formulas below are what is computed is tested apart from these texts,
// by formulas in double precision (Tests/KernelTests).
//
// Words: a *strip* is 8 consecutive rows of a weight matrix, a *tile* 8 rows x 32 columns, a *group* the weights of
// one row that share a scale, a *row* of activations one token's vector. Lane i of a vector is row i of a strip. Types of
// weights and the layout of strips: CStorage.h. What makes strips of weights: CQuantizers.h.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CStorage.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JK_PAGE_POSITIONS = 64,  // positions in a page of the KV cache; also a block of attention
    JK_MAX_STATE_SIZE = 128  // the largest state_size that jk_scan takes
};

// ---------------------------------------------------------------------------------------------- weight matrices

typedef struct {
    const void *strips;  // aligned to 16 bytes at least; 64 is best
    jk_type type;
    uint32_t rows, columns;
} jk_matrix;

// Decodes row `row` of the matrix to `columns` floats: (row_scale * (float)group_scale) * (float)code.
void jk_decode_row(const jk_matrix *matrix, size_t row, float *out);

// ---------------------------------------------------------------------------------------------- threads

typedef struct jk_pool jk_pool;

// A pool of `threads` (>= 1) threads, the caller's among them. NULL when a thread or memory cannot be had.
jk_pool *jk_pool_create(size_t threads);
void jk_pool_free(jk_pool *pool);
size_t jk_pool_threads(const jk_pool *pool);

// Calls work(context, first, last) for ranges that cover 0..<count once, `grain` items each (the last may be shorter),
// on all threads of the pool; returns when all are done. Ranges are handed out by an atomic counter, so a thread that
// the system has preempted holds up no more than the range it has in hand. One run at a time: the pool serialises
// callers. `work` must not call jk_pool_run on the same pool.
void jk_pool_run(jk_pool *pool, void (*work)(void *context, size_t first, size_t last), void *context, size_t count,
                 size_t grain);

// ---------------------------------------------------------------------------------------------- instruction sets

typedef enum {
    JK_SCALAR = 0,
    JK_AVX2 = 1,      // with FMA and F16C
    JK_AVX_VNNI = 2,  // and AVX2
    JK_AVX512 = 3,    // with VL, BW, DQ and VNNI
    JK_AVX512_VBMI = 4,
    JK_NEON = 5,      // every 64-bit ARM processor
    JK_NEON_DOT = 6,  // with dot products
    JK_AMX = 7,       // with int8, and AVX512_VBMI
    JK_NEON_I8MM = 8,  // and products of matrices of int8
    JK_INSTRUCTION_SETS = 9
} jk_instruction_set;

// The kernels of one instruction set, or NULL where this machine or build lacks it.
const struct jk_kernels *jk_kernels_of(jk_instruction_set set);
// The fastest set this machine runs.
jk_instruction_set jk_best_instruction_set(void);
// Such as "avx2"; "unknown" for sets of other architectures.
const char *jk_instruction_set_name(jk_instruction_set set);

// What every operation below runs on.
typedef struct {
    jk_pool *pool;
    const struct jk_kernels *kernels;
} jk_engine;

// ---------------------------------------------------------------------------------------------- activations

// A batch of activation rows: one row a token. `stride` is a multiple of 32; columns from the logical width to the
// stride are zero in `values`. The quantized copy is written by jk_quantize and read by products with matrices of codes:
// int8 codes and, for each 32 columns, a scale and an offset, -64 x the sum of the codes: what products with a grid's entries,
// which exceed the weights' codes by 64, have to begin with.
typedef struct {
    float *values;     // [rows][stride]
    int8_t *codes;     // [rows][stride]
    float *scales;     // [rows][stride / 32]
    int32_t *offsets;  // [rows][stride / 32]
    size_t stride;
} jk_rows;

// Quantizes rows 0..<count: scale = max|x| / 127, code = round-to-even(x * (127 / max|x|)). A group whose maximum is
// zero or too small to invert gets scale 0; one with an infinity or a NaN gets scale NaN, so that it shows in the result.
void jk_quantize(const jk_engine *engine, const jk_rows *x, size_t count);

// y[i] = W x[i'] for i in 0..<count, i' = index ? index[i] : i. y has `y_stride` floats a row, and at least
// round_up(W.rows, 8) of them are written: rows beyond W.rows become 0.
// JK_F32, JK_BF16: read x->values; in double precision, where every product is exact, two partial sums over the even and
// the odd columns, ascending; y = (float)(s0 + s1). These types are the reference that others are measured against, and
// some models magnify the rounding of float sums a thousandfold.
// Codes: read the quantized copy; the dot product of 32 columns is exact in int32; then, groups ascending,
// s = fma((float)dot, (float)group_scale * x_scale, s); at the end y = s * row_scale.
void jk_matmul(const jk_engine *engine, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t count,
               float *y, size_t y_stride);

// y[i] = fma(scale, W x[i], y[i]): jk_matmul's products, added by jk_add_scaled before they leave the processor's cache. Only
// W.rows floats a row of y are touched.
void jk_add_matmul(const jk_engine *engine, const jk_matrix *w, const jk_rows *x, size_t count, float scale, float *y,
                   size_t y_stride);

// ---------------------------------------------------------------------------------------------- vectors

// y[i] = x[i] * (1 / sqrt(mean(x^2) + eps)) * weight, for `count` rows of `width`. Sum of squares: 8 strided lanes
// (fma), then ((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7)). Columns from `width` up to round_up(width, 32) of y become 0.
void jk_rms_norm(const jk_engine *engine, const float *x, size_t x_stride, const float *weight, float eps, size_t width,
                 size_t count, float *y, size_t y_stride);

// y[i] += x[i]
void jk_add(const jk_engine *engine, float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
            size_t count);

// Whether none of the floats is an infinity or a NaN.
bool jk_are_finite(const float *x, size_t count);

// y[index[i]] = fma(scale[i], x[i], y[index[i]]): the weighted sum of experts' outputs. Indices are distinct.
void jk_add_scaled(const jk_engine *engine, float *y, size_t y_stride, const uint32_t *index, const float *x,
                   size_t x_stride, const float *scale, size_t width, size_t count);

// gate = silu(gate) * up, elementwise; silu(x) = x / (1 + exp(-x)).
void jk_silu_multiply(const jk_engine *engine, float *gate, size_t gate_stride, const float *up, size_t up_stride,
                      size_t width, size_t count);

// x = exp(x - max) / sum, in place, ascending 8-lane sums as in jk_rms_norm. On the calling thread.
void jk_softmax(const jk_engine *engine, float *x, size_t count);

// exp, the project's own: exp(0) = 1 exactly, 0 below -87.33, saturates above 88.37; relative error < 2e-7.
float jk_exp(float x);

// What a quantizer wants to know of a matrix's input: sums[b][i][j] += x[bs + i] x[bs + j] over `count` rows, for blocks b
// of s = `size` columns (a multiple of 8); `width` is all columns,
// and rows are padded with zeros as those of products are. Of each block only j >= i / 8 * 8 is summed,
// the rest is symmetric. Rows ascend, an fma each. With `index`, the rows index[0 ..< count].
void jk_add_moments(const jk_engine *engine, const jk_rows *x, const uint32_t *index, size_t count, size_t width,
                    size_t size, float *sums);

// ---------------------------------------------------------------------------------------------- Mamba

// Causal depthwise convolution, bias and silu over a run of tokens.
typedef struct {
    const float *x;         // [tokens][x_stride]: the first half of in_proj's output
    size_t x_stride;
    const float *weight;    // [taps][channels]; tap taps-1 multiplies the current token
    const float *bias;      // [channels], or NULL
    const float *history;   // [taps - 1][channels]: the last inputs, oldest first
    float *next_history;    // the same after the tokens: `history` itself, or NULL to leave it as it is
    float *y;               // [tokens][y_stride]
    size_t y_stride;
    size_t channels, taps, tokens;
} jk_convolution;
void jk_convolve(const jk_engine *engine, const jk_convolution *arguments);

// The selective scan with everything around it (Gu & Dao 2023):
//   d = softplus(dt + dt_bias);  s[n] = exp(d * A[n]) * s[n] + (d * u) * B[n];  y = sum_n s[n] * C[n] + D * u;
//   y *= silu(z)
// per channel, n ascending, one fma a term. softplus(x) = x above 20, as in PyTorch.
typedef struct {
    const float *u;         // [tokens][u_stride]
    size_t u_stride;
    const float *dt;        // [tokens][dt_stride]: dt_proj's output, without bias
    size_t dt_stride;
    const float *dt_bias;   // [channels]
    const float *a;         // [state_size][channels], A = -exp(A_log)
    const float *b;         // [tokens][b_stride]
    const float *c;         // [tokens][c_stride]
    size_t b_stride, c_stride;
    const float *d;         // [channels]
    const float *z;         // [tokens][z_stride]
    size_t z_stride;
    const float *state;     // [state_size][channels]
    float *next_state;      // the same after the tokens: `state` itself, or NULL to leave it as it is
    float *y;               // [tokens][y_stride]
    size_t y_stride;
    size_t channels, state_size, tokens;
} jk_scan_arguments;
void jk_scan(const jk_engine *engine, const jk_scan_arguments *arguments);

// ---------------------------------------------------------------------------------------------- attention

typedef enum { JK_KV_F32 = 0, JK_KV_F16 = 1, JK_KV_I8 = 2, JK_KV_I4 = 3 } jk_kv_type;

// The KV cache of one attention layer, in pages of 64 absolute positions. A page holds, per KV head, keys as
// [position / 8][head_size][position % 8] and then values as [position][head_size]. JK_KV_I8 holds codes, keys as
// [position / 16][head_size / 4, rounded up][position % 16][head_size % 4] and values as
// [position / 4][head_size][position % 4], and behind them, per KV head, a float scale for each position's key and then for
// each position's value: scale = max|x| / 127, code = round-to-even(x * (127 / max|x|)), over the head_size elements.
// JK_KV_I4 holds indices of four bits into jk_kv_points, of x turned by a Hadamard matrix (x' = H x, H H = head_size), so that
// no element stands out: element e of JK_KV_I8's order is in byte e / 128 * 64 + e % 64, the upper half of it if e / 64 is odd.
// scale = max|x'| * f / 127, f the one of 0.6, 0.65 ... 1 with the least squared error; the point nearest to x' / scale.
//
// A token at position p sees positions 0 ..< sinks and p - window <.. p. Pages 0 ..< fixed_pages stay where they are; the
// others take turns in a ring: page n is pages[n] below fixed_pages, else
// pages[fixed_pages + (n - fixed_pages) % ring_pages]. The ring must have room for all positions that tokens stored
// together see: window - 1 + tokens of them, on pages of their own.
typedef struct {
    void *const *pages;
    size_t fixed_pages, ring_pages;
    size_t sinks, window;   // window >= 1; SIZE_MAX for everything
    jk_kv_type type;
    size_t kv_heads, head_size;
} jk_kv;

extern const int8_t jk_kv_points[16];
// Whether keys and values of so many elements can be held so: JK_KV_I4 takes powers of two from 32 to 256.
bool jk_kv_takes(jk_kv_type type, size_t head_size);
size_t jk_kv_page_size(jk_kv_type type, size_t kv_heads, size_t head_size);

// Stores the keys and values ([tokens][stride], kv_heads x head_size wide) of positions first ..< first + tokens.
void jk_kv_store(const jk_engine *engine, const jk_kv *kv, const float *k, size_t k_stride, const float *v,
                 size_t v_stride, size_t first, size_t tokens);

// Grouped-query attention without positional encoding: token t, at position first + t, attends to what it sees, itself
// included. q, y: [tokens][stride], heads x head_size wide; head h reads KV head h / (heads / kv_heads).
// Blocks of 64 absolute positions ascending, those without a visible position left out, with a running maximum: bits
// depend on the position, the window and the sinks alone.
// JK_KV_I8: a query becomes codes as a key does, and dot products are exact in int32. Of each block the weights
// exp(score - maximum) x the value's scale become codes, 0 ... 254, with a step of their largest / 254, whose sums of products
// with values are exact in int32, too. JK_KV_I4: a query is turned before it becomes codes, and y is turned back.
// Parts of 2048 absolute positions are summed each by itself, then added ascending.
// scratch: jk_attend_scratch floats.
void jk_attend(const jk_engine *engine, const jk_kv *kv, const float *q, size_t q_stride, size_t heads, float scale,
               size_t first, size_t tokens, float *y, size_t y_stride, float *scratch);
size_t jk_attend_scratch(size_t heads, size_t head_size);
// The largest head_size that jk_attend takes.
enum { JK_MAX_HEAD_SIZE = 8192 };

// ---------------------------------------------------------------------------------------------- the machine's limits

// What bounds decoding and prefill, for benchmarks. Seconds that the pool's threads take together to read `count` bytes
// (a multiple of 64 is best) once; and products of int8 that they multiply and add in a second from registers alone,
// measured over about a tenth of a second.
double jk_read_seconds(const jk_engine *engine, const void *bytes, size_t count);
double jk_multiply_rate(const jk_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
