// The kernels for AVX2, FMA and F16C: a vector is one register.
//
// Products: a lane is a row. Weights of 4 columns x 8 rows fill a register, so that one broadcast dword of activation
// codes multiplies all of them, and int32 lanes collect the rows' dot products.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

typedef __m256 v8;
typedef __m256i v8i;

JK_INLINE v8 v8_set(float x) { return _mm256_set1_ps(x); }
JK_INLINE v8 v8_load(const float *p) { return _mm256_loadu_ps(p); }
JK_INLINE void v8_store(float *p, v8 x) { _mm256_storeu_ps(p, x); }
JK_INLINE v8 v8_add(v8 a, v8 b) { return _mm256_add_ps(a, b); }
JK_INLINE v8 v8_sub(v8 a, v8 b) { return _mm256_sub_ps(a, b); }
JK_INLINE v8 v8_mul(v8 a, v8 b) { return _mm256_mul_ps(a, b); }
JK_INLINE v8 v8_div(v8 a, v8 b) { return _mm256_div_ps(a, b); }
JK_INLINE v8 v8_fma(v8 a, v8 b, v8 c) { return _mm256_fmadd_ps(a, b, c); }
JK_INLINE v8 v8_sqrt(v8 a) { return _mm256_sqrt_ps(a); }
JK_INLINE v8 v8_max(v8 a, v8 b) { return _mm256_max_ps(a, b); }
JK_INLINE v8 v8_min(v8 a, v8 b) { return _mm256_min_ps(a, b); }
JK_INLINE v8 v8_abs(v8 a) { return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF))); }
JK_INLINE v8 v8_less(v8 a, v8 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
JK_INLINE v8 v8_select(v8 mask, v8 a, v8 b) { return _mm256_blendv_ps(b, a, mask); }
JK_INLINE v8i v8_round(v8 x) { return _mm256_cvtps_epi32(x); }
JK_INLINE v8 v8i_float(v8i a) { return _mm256_cvtepi32_ps(a); }
JK_INLINE void v8i_store(int32_t *p, v8i x) { _mm256_storeu_si256((__m256i *)p, x); }
JK_INLINE v8i v8i_add(v8i a, v8i b) { return _mm256_add_epi32(a, b); }

JK_INLINE v8 v8_power_of_two(v8 t) {
    __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(0x3F800000)));
}

JK_INLINE float v8_sum(v8 x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

JK_INLINE float v8_maximum(v8 x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

JK_INLINE int32_t v8i_sum(v8i x) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

// Packing works within halves of a register, so the dwords come out as 0 2 4 6 1 3 5 7.
JK_INLINE void v8i_pack(int8_t *p, const v8i x[4]) {
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(x[0], x[1]), _mm256_packs_epi32(x[2], x[3]));
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)p, bytes);
}

JK_INLINE v8 v8_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
JK_INLINE void v8_store_f16(uint16_t *p, v8 x) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

JK_INLINE v8 v8_load_i8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}

JK_INLINE v8 v8_nl4_nearest(v8 x, v8i *index);

#include "lanewise.h"
#include "encoder.h"

// Binary search among the 15 midpoints: `found` holds the bits found so far and picks the next midpoint.
JK_INLINE v8 v8_nl4_nearest(v8 x, v8i *index) {
    const v8 second = _mm256_setr_ps(-29, 23, 0, 0, -29, 23, 0, 0);
    const v8 third = _mm256_setr_ps(-47, -14.5f, 10, 40, -47, -14.5f, 10, 40);
    const v8 fourth = _mm256_setr_ps(-58, -37.5f, -21.5f, -8, 4, 16, 31, 51);
    const v8 upper = _mm256_cmp_ps(x, _mm256_set1_ps(-2), _CMP_GE_OQ);
    v8i found = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_castps_si256(upper));
    v8 mask = _mm256_cmp_ps(x, _mm256_permutevar_ps(second, found), _CMP_GE_OQ);
    found = _mm256_sub_epi32(_mm256_add_epi32(found, found), _mm256_castps_si256(mask));
    mask = _mm256_cmp_ps(x, _mm256_permutevar_ps(third, found), _CMP_GE_OQ);
    found = _mm256_sub_epi32(_mm256_add_epi32(found, found), _mm256_castps_si256(mask));
    mask = _mm256_cmp_ps(x, _mm256_permutevar8x32_ps(fourth, found), _CMP_GE_OQ);
    found = _mm256_sub_epi32(_mm256_add_epi32(found, found), _mm256_castps_si256(mask));
    *index = found;
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(nl4_codes), found),
                            _mm256_permutevar8x32_ps(_mm256_loadu_ps(nl4_codes + 8), found), upper);
}

// ---------------------------------------------------------------------------------------------- matrix products

#include "products.h"

JK_INLINE void v8_transpose(v8 x[4]) {
    const __m256 a = _mm256_unpacklo_ps(x[0], x[1]), b = _mm256_unpackhi_ps(x[0], x[1]);
    const __m256 c = _mm256_unpacklo_ps(x[2], x[3]), d = _mm256_unpackhi_ps(x[2], x[3]);
    // Columns 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    const __m256 e = _mm256_shuffle_ps(a, c, 0x44), f = _mm256_shuffle_ps(a, c, 0xEE);
    const __m256 g = _mm256_shuffle_ps(b, d, 0x44), h = _mm256_shuffle_ps(b, d, 0xEE);
    x[0] = _mm256_permute2f128_ps(e, f, 0x20);
    x[1] = _mm256_permute2f128_ps(g, h, 0x20);
    x[2] = _mm256_permute2f128_ps(e, f, 0x31);
    x[3] = _mm256_permute2f128_ps(g, h, 0x31);
}

JK_INLINE __m256i load_bytes(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

JK_INLINE __m256i broadcast_codes(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}

// Unsigned bytes times signed ones, added by fours. Sums of two must stay within int16.
JK_INLINE __m256i multiply_bytes(__m256i a, __m256i b) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

// The grid's entries of the two halves of a plane of an int4 tile.
JK_INLINE void look_up(__m256i plane, __m256i *low, __m256i *high) {
    const __m256i grid = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)jk_nl4_grid));
    const __m256i nibble = _mm256_set1_epi8(15);
    *low = _mm256_shuffle_epi8(grid, _mm256_and_si256(plane, nibble));
    *high = _mm256_shuffle_epi8(grid, _mm256_and_si256(_mm256_srli_epi16(plane, 4), nibble));
}

JK_INLINE void expand_tile(const uint8_t *tile, uint8_t expanded[EXPANDED_TILE]) {
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        __m256i low, high;
        look_up(load_bytes(tile + 32 * j), &low, &high);
        _mm256_storeu_si256((__m256i *)(void *)(expanded + 32 * j), low);
        _mm256_storeu_si256((__m256i *)(void *)(expanded + 32 * (j + 4)), high);
    }
}

JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, v8 scales,
                        const tile_tokens *x, v8 *s) {
    __m256i dot[4];
    // The grid's entries are 0 ... 121: a pair of products reaches 2 x 121 x 127 = 30734, within int16. What the grid
    // exceeds the codes by, 64, is in the offsets.
    JK_UNROLL for (int t = 0; t < tokens; t++)
        dot[t] = form == FORM_I8 ? _mm256_setzero_si256() : _mm256_set1_epi32(*x->offsets[t]);
    if (form == FORM_NL4) {
        JK_UNROLL for (size_t j = 0; j < 4; j++) {
            __m256i low, high;
            look_up(load_bytes(tile + 32 * j), &low, &high);
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                const __m256i a = multiply_bytes(low, broadcast_codes(x->codes[t] + j * step));
                const __m256i b = multiply_bytes(high, broadcast_codes(x->codes[t] + (j + 4) * step));
                dot[t] = _mm256_add_epi32(dot[t], _mm256_add_epi32(a, b));
            }
        }
    } else {
        JK_UNROLL for (size_t j = 0; j < 8; j++) {
            const __m256i plane = load_bytes(tile + 32 * j), magnitude = _mm256_abs_epi8(plane);
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                const __m256i codes = broadcast_codes(x->codes[t] + j * step);
                // |w| times x with w's sign: a pair of products is at most 2 x 128 x 127 = 32512.
                const __m256i products = form == FORM_I8 ? multiply_bytes(magnitude, _mm256_sign_epi8(codes, plane))
                                                         : multiply_bytes(plane, codes);
                dot[t] = _mm256_add_epi32(dot[t], products);
                // Keeps the order of planes: clang would take a token through all of them first, and spill them.
                __asm__("" : "+x"(dot[t]));
            }
        }
    }
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = v8_fma(_mm256_cvtepi32_ps(dot[t]), v8_mul(scales, v8_set(*x->scales[t])), s[t]);
}

JK_INLINE __m256 load_weights(jk_type type, const uint8_t *strip, size_t column) {
    if (type == JK_F32) return _mm256_loadu_ps((const float *)(const void *)strip + column * 8);
    const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(strip + column * 16));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

// A column of 8 weights against a token, added to sums of rows 0-3 and 4-7. Products of floats are exact in double.
JK_INLINE void add_column(__m256 weights, float x, __m256d s[2]) {
    const __m256d factor = _mm256_set1_pd(x);
    s[0] = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(weights)), factor, s[0]);
    s[1] = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(weights, 1)), factor, s[1]);
}

JK_INLINE void multiply_floats(jk_type type, const int tokens, const jk_matrix *w, const uint8_t *strip,
                               const float *const x[2], v8 *y) {
    __m256d s[2][2][2];  // [token][column mod 2][half]
    JK_UNROLL for (int t = 0; t < tokens; t++)
        JK_UNROLL for (int k = 0; k < 2; k++) s[t][k][0] = s[t][k][1] = _mm256_setzero_pd();
    size_t c = 0;
    for (; c + 2 <= w->columns; c += 2)
        JK_UNROLL for (int k = 0; k < 2; k++) {
            const __m256 weights = load_weights(type, strip, c + (size_t)k);
            JK_UNROLL for (int t = 0; t < tokens; t++) add_column(weights, x[t][c + (size_t)k], s[t][k]);
        }
    if (c < w->columns) {
        const __m256 weights = load_weights(type, strip, c);
        JK_UNROLL for (int t = 0; t < tokens; t++) add_column(weights, x[t][c], s[t][0]);
    }
    JK_UNROLL for (int t = 0; t < tokens; t++)
        y[t] = _mm256_set_m128(_mm256_cvtpd_ps(_mm256_add_pd(s[t][0][1], s[t][1][1])),
                               _mm256_cvtpd_ps(_mm256_add_pd(s[t][0][0], s[t][1][0])));
}

static void multiply_peak(size_t rounds, int32_t sink[8]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[8], total = _mm256_setzero_si256();
    JK_UNROLL for (int i = 0; i < 8; i++) sums[i] = _mm256_set1_epi32(i);
    for (size_t round = 0; round < rounds; round++)
        JK_UNROLL for (int i = 0; i < 8; i++) {
            const __m256i pairs = _mm256_maddubs_epi16(ones, sums[i]);
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
        }
    JK_UNROLL for (int i = 0; i < 8; i++) total = _mm256_add_epi32(total, sums[i]);
    _mm256_storeu_si256((__m256i *)sink, total);
}

const struct jk_kernels jk_avx2_kernels = {
    .name = "avx2",
#define JK_ENTRY(kernel, arguments) .kernel = kernel,
    JK_KERNELS(JK_ENTRY)
#undef JK_ENTRY
};

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
