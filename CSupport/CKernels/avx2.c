// The kernels for AVX2, FMA and F16C.
//
// Products: a lane is a row. Weights of 4 columns x 8 rows fill a register, so that one broadcast dword of activation
// codes multiplies all of them, and int32 lanes collect the rows' dot products. The broadcast serves two strips.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

JK_BEGIN_TARGET("avx2,fma,f16c")

#include "v8-avx2-inl.h"
#include "lanes-inl.h"

#define VR_STRIPS 2
typedef struct {
    v8 strip[2];
} vr;
JK_INLINE vr vr_zero(void) { return (vr){{v8_set(0.0f), v8_set(0.0f)}}; }
JK_INLINE vr vr_mul(vr a, vr b) { return (vr){{v8_mul(a.strip[0], b.strip[0]), v8_mul(a.strip[1], b.strip[1])}}; }
JK_INLINE vr vr_load_first(const float *p, size_t n) {
    if (n >= 16) return (vr){{v8_load(p), v8_load(p + 8)}};
    return (vr){{v8_load_first(p, n, 0.0f), n > 8 ? v8_load_first(p + 8, n - 8, 0.0f) : v8_set(0.0f)}};
}
JK_INLINE void vr_store_first(float *p, size_t n, vr x) {
    v8_store_first(p, n, x.strip[0]);
    if (n > 8) v8_store_first(p + 8, n - 8, x.strip[1]);
}
JK_INLINE vr vr_keep_first(vr x, size_t n) {
    return (vr){{v8_keep_first(x.strip[0], n), v8_keep_first(x.strip[1], n > 8 ? n - 8 : 0)}};
}
JK_INLINE vr vr_load_rows(const float *p, size_t beside) {
    return (vr){{v8_load(p), v8_load((const float *)(const void *)((const uint8_t *)p + beside))}};
}
JK_INLINE vr vr_load_i8(const int8_t *p, size_t beside) { return (vr){{v8_load_i8(p), v8_load_i8(p + beside)}}; }
JK_INLINE vr vr_load_scales(const uint8_t *p, size_t beside) { return (vr){{v8_load_scales(p), v8_load_scales(p + beside)}}; }

#define PACKED_OFFSETS 4
#include "bytes-avx2-inl.h"
#include "tiles-inl.h"

#include "look-up-inl.h"

// Unsigned bytes times signed ones, added by fours. Sums of two must stay within int16.
JK_INLINE __m256i multiply_bytes(__m256i a, __m256i b) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

// Where plane j of a strip is in an expanded tile.
JK_INLINE size_t expanded_plane(size_t j, size_t strip) { return 64 * j + 32 * strip; }

JK_INLINE void expand_tile(tile_form form, const uint8_t *tile, size_t beside, vr scales, uint8_t expanded[EXPANDED_TILE]) {
    (void)scales;
    JK_UNROLL for (size_t k = 0; k < 2; k++)
        JK_UNROLL for (size_t j = 0; j < 4; j++) {
            __m256i low, high;
            look_up(form, tile + k * beside, 0, j, &low, &high);
            _mm256_storeu_si256((__m256i *)(void *)(expanded + expanded_plane(j, k)), low);
            _mm256_storeu_si256((__m256i *)(void *)(expanded + expanded_plane(j + 4, k)), high);
        }
}

// int32 sums of the rows of both strips.
typedef struct {
    __m256i strip[2];
} strip_sums;

// What makes the sums of planes j and j + 4 those of the weights' codes, not of the grid's entries: -64 x the sum of the
// activations' codes, by pairs of columns, in int16.
JK_INLINE void pack_offsets(const float codes[8][4], int32_t offsets[PACKED_OFFSETS][4]) {
    const __m256i ones = _mm256_set1_epi8(1);
    JK_UNROLL for (size_t j = 0; j < 4; j += 2) {
        const __m256i low = vb_load_whole((const uint8_t *)codes[j]), high = vb_load_whole((const uint8_t *)codes[j + 4]);
        const __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(ones, low), _mm256_maddubs_epi16(ones, high));
        _mm256_storeu_si256((__m256i *)(void *)offsets[j], _mm256_mullo_epi16(sum, _mm256_set1_epi16(-64)));
    }
}

// Two planes of a grid's entries, 8 columns of each strip, times a token's codes. A pair of products with entries reaches
// 2 x 127 x 127 = 32258 and two pairs leave int16; but two pairs with the weights' codes, -64 ... 63, stay within 4 x 64 x 127 =
// 32512. So int16 sums that wrap around come out right in the end, and both planes share one widening.
JK_INLINE __m256i multiply_planes(__m256i low, __m256i low_codes, __m256i high, __m256i high_codes, __m256i offset) {
    __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(low, low_codes), offset);
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(high, high_codes));
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

// The strips' dot products with one or two packed tokens.
JK_INLINE void dot_packed(tile_form form, const int tokens, const uint8_t *tile, size_t beside,
                              const int8_t *const codes[], const int32_t *const offsets[], strip_sums dot[2]) {
    JK_UNROLL for (int t = 0; t < tokens; t++) dot[t] = (strip_sums){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        __m256i low[2], high[2];
        JK_UNROLL for (size_t k = 0; k < 2; k++) {
            if (form != FORM_EXPANDED) {
                look_up(form, tile + k * beside, 0, j, low + k, high + k);
            } else {
                low[k] = vb_load_whole(tile + expanded_plane(j, k));
                high[k] = vb_load_whole(tile + expanded_plane(j + 4, k));
            }
        }
        JK_UNROLL for (int t = 0; t < tokens; t++) {
            const __m256i low_codes = vb_broadcast(codes[t] + j * PACKED);
            const __m256i high_codes = vb_broadcast(codes[t] + (j + 4) * PACKED);
            const __m256i offset = _mm256_set1_epi32(offsets[t][4 * j]);
            JK_UNROLL for (size_t k = 0; k < 2; k++) {
                const __m256i products = multiply_planes(low[k], low_codes, high[k], high_codes, offset);
                dot[t].strip[k] = _mm256_add_epi32(dot[t].strip[k], products);
                JK_KEEP_ORDER(dot[t].strip[k]);
            }
        }
    }
}

// With a token alone, whose codes come without offsets by pairs.
JK_INLINE strip_sums dot_alone(tile_form form, const uint8_t *tile, size_t beside, const int8_t *codes, int32_t offset) {
    strip_sums dot = {{_mm256_set1_epi32(offset), _mm256_set1_epi32(offset)}};
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        const __m256i low_codes = vb_broadcast(codes + j * ALONE);
        const __m256i high_codes = vb_broadcast(codes + (j + 4) * ALONE);
        JK_UNROLL for (size_t k = 0; k < 2; k++) {
            __m256i low, high;
            look_up(form, tile + k * beside, 0, j, &low, &high);
            const __m256i products = _mm256_add_epi32(multiply_bytes(low, low_codes), multiply_bytes(high, high_codes));
            dot.strip[k] = _mm256_add_epi32(dot.strip[k], products);
        }
    }
    return dot;
}

// int8 weights: |w| times x with w's sign. A pair of products is at most 2 x 128 x 127 = 32512.
JK_INLINE void dot_i8(const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                      const int8_t *const codes[], strip_sums dot[2]) {
    JK_UNROLL for (int t = 0; t < tokens; t++) dot[t] = (strip_sums){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
    JK_UNROLL for (size_t j = 0; j < 8; j++) {
        const __m256i planes[2] = {vb_load_whole(tile + 32 * j), vb_load_whole(tile + beside + 32 * j)};
        const __m256i magnitudes[2] = {_mm256_abs_epi8(planes[0]), _mm256_abs_epi8(planes[1])};
        JK_UNROLL for (int t = 0; t < tokens; t++) {
            const __m256i x = vb_broadcast(codes[t] + j * step);
            JK_UNROLL for (size_t k = 0; k < 2; k++) {
                const __m256i products = multiply_bytes(magnitudes[k], _mm256_sign_epi8(x, planes[k]));
                dot[t].strip[k] = _mm256_add_epi32(dot[t].strip[k], products);
                JK_KEEP_ORDER(dot[t].strip[k]);
            }
        }
    }
}

JK_INLINE v8 add_scaled_sum(v8 s, __m256i dot, v8 scales, float scale) {
    return v8_fma(_mm256_cvtepi32_ps(dot), v8_mul(scales, v8_set(scale)), s);
}

JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s) {
    // Tokens by twos: four registers for their sums, and as many for the weights.
    JK_UNROLL for (int first = 0; first < tokens; first += 2) {
        const int count = tokens - first >= 2 ? 2 : 1;
        strip_sums dot[2];
        if (form == FORM_I8) dot_i8(count, step, tile, beside, x->codes + first, dot);
        else if (step == ALONE) dot[0] = dot_alone(form, tile, beside, x->codes[0], *x->offsets[0]);
        else dot_packed(form, count, tile, beside, x->codes + first, x->offsets + first, dot);
        JK_UNROLL for (int t = 0; t < count; t++)
            JK_UNROLL for (size_t k = 0; k < 2; k++)
                s[first + t].strip[k] = add_scaled_sum(s[first + t].strip[k], dot[t].strip[k], scales.strip[k],
                                                       *x->scales[first + t]);
    }
}

// Attention: |code of a key or value| times a query's code or a weight with its sign. A pair of products is at most
// 2 x 127 x 127 = 32258; for that weights, up to 254, are taken for 127 less.
enum { ATTEND_BATCH = 4, TILE_QUERIES = 2, TILE_GROUPS = 1, KEY_OFFSET = 0, WEIGHT_BIAS = 127 };
typedef strip_sums vq;
typedef struct {
    __m256i codes[2], magnitudes[2];
} vs;
JK_INLINE vq vq_set(int32_t x) { return (vq){{vb_set(x), vb_set(x)}}; }
JK_INLINE vq vq_add(vq a, vq b) {
    return (vq){{_mm256_add_epi32(a.strip[0], b.strip[0]), _mm256_add_epi32(a.strip[1], b.strip[1])}};
}
JK_INLINE void vq_store(int32_t *p, vq x) {
    v8i_store(p, x.strip[0]);
    v8i_store(p + 8, x.strip[1]);
}
JK_INLINE vs vs_load_keys(const int8_t *p) {
    const __m256i low = vb_load_whole((const uint8_t *)p), high = vb_load_whole((const uint8_t *)p + 32);
    return (vs){{low, high}, {_mm256_abs_epi8(low), _mm256_abs_epi8(high)}};
}
JK_INLINE vs vs_load_values(const int8_t *p) { return vs_load_keys(p); }
JK_INLINE vq add_signed_products(vq sum, vs codes, __m256i x) {
    JK_UNROLL for (int k = 0; k < 2; k++) {
        const __m256i products = multiply_bytes(codes.magnitudes[k], _mm256_sign_epi8(x, codes.codes[k]));
        sum.strip[k] = _mm256_add_epi32(sum.strip[k], products);
    }
    return sum;
}
JK_INLINE vq vq_add_keys(vq sum, vs keys, int32_t four) { return add_signed_products(sum, keys, vb_set(four)); }
JK_INLINE vq vq_add_values(vq sum, vs values, int32_t four) {
    return add_signed_products(sum, values, _mm256_sub_epi8(vb_set(four), _mm256_set1_epi8(WEIGHT_BIAS)));
}
JK_INLINE vq vq_add_bias(vq sum, vs values) { return add_signed_products(sum, values, _mm256_set1_epi8(WEIGHT_BIAS)); }

#include "attention-inl.h"
#include "attention-tiles-inl.h"
#include "attention-codes-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

static void multiply_peak(size_t rounds, int32_t sink[8]) {
    enum { SUMS = 8, PRODUCTS = SUMS * 64 };
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[SUMS], total = _mm256_setzero_si256();
    JK_UNROLL for (int i = 0; i < SUMS; i++) sums[i] = _mm256_set1_epi32(i);
    for (size_t i = 0; i < rounds * (JK_PEAK_PRODUCTS / PRODUCTS); i++)
        JK_UNROLL for (int k = 0; k < SUMS; k++)
            sums[k] = _mm256_add_epi32(sums[k], multiply_planes(ones, sums[k], sums[k], ones, ones));
    JK_UNROLL for (int i = 0; i < SUMS; i++) total = _mm256_add_epi32(total, sums[i]);
    _mm256_storeu_si256((__m256i *)sink, total);
}

JK_TABLE(avx2)

JK_END_TARGET
#endif
