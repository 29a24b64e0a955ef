// The kernels for AVX2, FMA and F16C.
//
// Products: a lane is a row. Weights of 4 columns x 8 rows fill a register, so that one broadcast dword of activation
// codes multiplies all of them, and int32 lanes collect the rows' dot products.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

JK_BEGIN_TARGET("avx2,fma,f16c")

#include "avx2.h"
#include "products.h"

JK_INLINE __m256i load_bytes(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

JK_INLINE __m256i broadcast_codes(const int8_t *p) { return _mm256_set1_epi32(load_four(p)); }

// Unsigned bytes times signed ones, added by fours. Sums of two must stay within int16.
JK_INLINE __m256i multiply_bytes(__m256i a, __m256i b) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

// The grid's entries of the two halves of a plane of an int4 tile.
JK_INLINE void look_up(__m256i plane, __m256i *low, __m256i *high) {
    const __m256i grid = _mm256_broadcastsi128_si256(load_grid());
    const __m256i nibble = _mm256_set1_epi8(15);
    *low = _mm256_shuffle_epi8(grid, _mm256_and_si256(plane, nibble));
    *high = _mm256_shuffle_epi8(grid, _mm256_and_si256(_mm256_srli_epi16(plane, 4), nibble));
}

JK_INLINE void expand_tile(const uint8_t *tile, size_t beside, uint8_t expanded[EXPANDED_TILE]) {
    (void)beside;
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        __m256i low, high;
        look_up(load_bytes(tile + 32 * j), &low, &high);
        _mm256_storeu_si256((__m256i *)(void *)(expanded + 32 * j), low);
        _mm256_storeu_si256((__m256i *)(void *)(expanded + 32 * (j + 4)), high);
    }
}

JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s) {
    (void)beside;
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
                JK_KEEP_ORDER(dot[t]);
            }
        }
    }
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = v8_fma(_mm256_cvtepi32_ps(dot[t]), v8_mul(scales, v8_set(*x->scales[t])), s[t]);
}

static void multiply_peak(size_t rounds, int32_t sink[8]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[8], total = _mm256_setzero_si256();
    JK_UNROLL for (int i = 0; i < 8; i++) sums[i] = _mm256_set1_epi32(i);
    for (size_t i = 0; i < rounds * (JK_PEAK_PRODUCTS / (8 * sizeof *sums)); i++)
        JK_UNROLL for (int i = 0; i < 8; i++) {
            const __m256i pairs = _mm256_maddubs_epi16(ones, sums[i]);
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
        }
    JK_UNROLL for (int i = 0; i < 8; i++) total = _mm256_add_epi32(total, sums[i]);
    _mm256_storeu_si256((__m256i *)sink, total);
}

JK_TABLE(avx2)

JK_END_TARGET
#endif
