// AVX2, FMA and F16C: Intel from Haswell (2013), AMD from Excavator and Zen on.
//
// A 256-bit vector is one dword plane of a tile: 8 rows x 4 columns. Activations are broadcast a dword (4 columns) at a
// time, so no product ever needs a horizontal sum, and a lane is a row from the first byte to the last float.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#define JK_NAME(name) name##_avx2
#define JK_LOAD_F16(half) half_to_float(half)
#define JK_STORE_F16(value) float_to_half(value)

static inline float half_to_float(uint16_t half) { return _cvtsh_ss(half); }
static inline uint16_t float_to_half(float value) { return (uint16_t)_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT); }

#include "elementwise.inc"

static inline __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

static inline __m256i broadcast(const int8_t *p) {
    int32_t dword;
    memcpy(&dword, p, 4);
    return _mm256_set1_epi32(dword);
}

static inline size_t row_of(const jk_product *p, size_t i) { return p->index ? p->index[i] : i; }

// ------------------------------------------------------------------------------------------------ 4 and 8 bit

// One strip against `N` tokens. Sums of 32 products fit int32; the pairs that maddubs adds fit int16: NL4 entries reach
// 121 and codes 127, so a pair reaches 30,734; I8 pairs reach 2 * 127 * 127 = 32,258.
//
// NL4's grid is stored with 64 added, so that its entries are unsigned; the dot product of the entries minus 64 is that of
// the entries minus 64 times the sum of the activations' codes.
static JK_INLINE void strip_product(jk_type type, size_t N, const char *strip, const jk_matrix *w, const jk_rows *x,
                                    const size_t *rows, float *const *y) {
    enum { MOST = 4 };
    size_t tiles = jk_round_up(w->columns, JK_GROUP) / JK_GROUP;
    bool wide = type == JK_I8 && w->columns % 64 == 0;
    const float *row_scales = (const float *)strip;
    const int8_t *group_scales = (const int8_t *)(row_scales + JK_LANES);
    const uint8_t *codes = (const uint8_t *)strip + jk_header_size(type, w->columns);
    size_t groups = x->stride / JK_GROUP;
    const __m256i ones = _mm256_set1_epi16(1), nibble = _mm256_set1_epi8(15);
    const __m256i grid = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)jk_nl4_grid));

    const int8_t *x_codes[MOST];
    const float *x_scales[MOST];
    const int32_t *x_sums[MOST];
    __m256 sum[MOST];
    for (size_t t = 0; t < N; t++) {
        x_codes[t] = x->codes + rows[t] * x->stride;
        x_scales[t] = x->scales + rows[t] * groups;
        x_sums[t] = x->sums + rows[t] * groups;
        sum[t] = _mm256_setzero_ps();
    }
    for (size_t g = 0; g < tiles; g++) {
        __m256i dot[MOST];
        size_t c = g * JK_GROUP;
        if (type == JK_NL4) {
            const uint8_t *tile = codes + g * 128;
            _mm_prefetch((const char *)tile + 2048, _MM_HINT_T0);
            _mm_prefetch((const char *)tile + 2112, _MM_HINT_T0);
            for (size_t t = 0; t < N; t++) dot[t] = _mm256_set1_epi32(-64 * x_sums[t][g]);
            for (size_t j = 0; j < 4; j++) {
                __m256i packed = load(tile + 32 * j);
                __m256i low = _mm256_shuffle_epi8(grid, _mm256_and_si256(packed, nibble));
                __m256i high = _mm256_shuffle_epi8(grid, _mm256_and_si256(_mm256_srli_epi16(packed, 4), nibble));
                for (size_t t = 0; t < N; t++) {
                    __m256i a = _mm256_maddubs_epi16(low, broadcast(x_codes[t] + c + 4 * j));
                    __m256i b = _mm256_maddubs_epi16(high, broadcast(x_codes[t] + c + 16 + 4 * j));
                    dot[t] = _mm256_add_epi32(dot[t], _mm256_madd_epi16(a, ones));
                    dot[t] = _mm256_add_epi32(dot[t], _mm256_madd_epi16(b, ones));
                }
            }
        } else {
            const uint8_t *tile = codes + g * 256;
            for (size_t k = 0; k < 256; k += 64) _mm_prefetch((const char *)tile + 2048 + k, _MM_HINT_T0);
            for (size_t t = 0; t < N; t++) dot[t] = _mm256_setzero_si256();
            for (size_t j = 0; j < 8; j++) {
                __m256i weights = load(tile + 32 * j);
                __m256i magnitude = _mm256_abs_epi8(weights);
                for (size_t t = 0; t < N; t++) {
                    // |w| times x with w's sign: the unsigned operand that maddubs wants.
                    __m256i signed_x = _mm256_sign_epi8(broadcast(x_codes[t] + c + 4 * j), weights);
                    __m256i pairs = _mm256_maddubs_epi16(magnitude, signed_x);
                    dot[t] = _mm256_add_epi32(dot[t], _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        const int8_t *scales = group_scales + (wide ? g / 2 : g) * JK_LANES;
        __m256 scale = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)scales)));
        for (size_t t = 0; t < N; t++) {
            __m256 both = _mm256_mul_ps(scale, _mm256_broadcast_ss(x_scales[t] + g));
            sum[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[t]), both, sum[t]);
        }
    }
    __m256 row_scale = _mm256_loadu_ps(row_scales);
    for (size_t t = 0; t < N; t++) _mm256_storeu_ps(y[t], _mm256_mul_ps(sum[t], row_scale));
}

static JK_INLINE void quantized_product(jk_type type, const jk_product *p, size_t first_strip, size_t last_strip) {
    size_t strip_size = jk_strip_size(type, p->w->columns);
    // A block of tokens stays in the second-level cache while all strips pass by it.
    for (size_t block = 0; block < p->count; block += JK_TOKEN_BLOCK) {
        size_t end = p->count - block < JK_TOKEN_BLOCK ? p->count : block + JK_TOKEN_BLOCK;
        for (size_t s = first_strip; s < last_strip; s++) {
            const char *strip = (const char *)p->w->strips + s * strip_size;
            size_t i = block;
            for (; i + 4 <= end; i += 4) {
                size_t rows[4];
                float *y[4];
                for (size_t t = 0; t < 4; t++) {
                    rows[t] = row_of(p, i + t);
                    y[t] = p->y + (i + t) * p->y_stride + s * JK_LANES;
                }
                strip_product(type, 4, strip, p->w, p->x, rows, y);
            }
            for (; i < end; i++) {
                size_t row = row_of(p, i);
                float *y = p->y + i * p->y_stride + s * JK_LANES;
                strip_product(type, 1, strip, p->w, p->x, &row, &y);
            }
        }
    }
}

static void matmul_i8_avx2(const jk_product *p, size_t first, size_t last) { quantized_product(JK_I8, p, first, last); }

static void matmul_nl4_avx2(const jk_product *p, size_t first, size_t last) {
    quantized_product(JK_NL4, p, first, last);
}

// ------------------------------------------------------------------------------------------------ float

static JK_INLINE __m256 float_column(jk_type type, const char *strip, size_t c) {
    if (type == JK_F32) return _mm256_loadu_ps((const float *)strip + c * JK_LANES);
    __m128i half = _mm_loadu_si128((const __m128i *)((const uint16_t *)strip + c * JK_LANES));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

static JK_INLINE void float_strip(jk_type type, size_t N, const char *strip, size_t columns, const float *const *x,
                                  float *const *y) {
    enum { MOST = 2 };
    __m256 sum[MOST][4];
    for (size_t t = 0; t < N; t++)
        for (size_t m = 0; m < 4; m++) sum[t][m] = _mm256_setzero_ps();
    size_t c = 0;
    for (; c + 4 <= columns; c += 4)
        for (size_t m = 0; m < 4; m++) {
            __m256 weights = float_column(type, strip, c + m);
            for (size_t t = 0; t < N; t++)
                sum[t][m] = _mm256_fmadd_ps(weights, _mm256_broadcast_ss(x[t] + c + m), sum[t][m]);
        }
    for (size_t m = 0; c + m < columns; m++) {
        __m256 weights = float_column(type, strip, c + m);
        for (size_t t = 0; t < N; t++)
            sum[t][m] = _mm256_fmadd_ps(weights, _mm256_broadcast_ss(x[t] + c + m), sum[t][m]);
    }
    for (size_t t = 0; t < N; t++)
        _mm256_storeu_ps(y[t], _mm256_add_ps(_mm256_add_ps(sum[t][0], sum[t][1]), _mm256_add_ps(sum[t][2], sum[t][3])));
}

static JK_INLINE void float_product(jk_type type, const jk_product *p, size_t first_strip, size_t last_strip) {
    size_t strip_size = jk_strip_size(type, p->w->columns);
    for (size_t block = 0; block < p->count; block += JK_TOKEN_BLOCK) {
        size_t end = p->count - block < JK_TOKEN_BLOCK ? p->count : block + JK_TOKEN_BLOCK;
        for (size_t s = first_strip; s < last_strip; s++) {
            const char *strip = (const char *)p->w->strips + s * strip_size;
            size_t i = block;
            for (; i + 2 <= end; i += 2) {
                const float *x[2];
                float *y[2];
                for (size_t t = 0; t < 2; t++) {
                    x[t] = p->x->values + row_of(p, i + t) * p->x->stride;
                    y[t] = p->y + (i + t) * p->y_stride + s * JK_LANES;
                }
                float_strip(type, 2, strip, p->w->columns, x, y);
            }
            if (i < end) {
                const float *x = p->x->values + row_of(p, i) * p->x->stride;
                float *y = p->y + i * p->y_stride + s * JK_LANES;
                float_strip(type, 1, strip, p->w->columns, &x, &y);
            }
        }
    }
}

static void matmul_f32_avx2(const jk_product *p, size_t first, size_t last) { float_product(JK_F32, p, first, last); }
static void matmul_bf16_avx2(const jk_product *p, size_t first, size_t last) { float_product(JK_BF16, p, first, last); }

#define JK_ENTRY(name, parameters) name##_avx2,
const struct jk_kernels jk_avx2_kernels = {JK_KERNEL_LIST(JK_ENTRY)};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
