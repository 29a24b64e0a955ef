// The vectors of the x86 sets: 8 floats in one register of AVX2, FMA and F16C, and operations on them that give the bits of
// those in v8-scalar-inl.h. Included between JK_BEGIN_TARGET and JK_END_TARGET, behind <immintrin.h> and base.h.
#define JK_V8

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
JK_INLINE v8i v8i_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
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

JK_INLINE void v8i_pack_unsigned(uint8_t *p, const v8i x[4]) {
    __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(x[0], x[1]), _mm256_packus_epi32(x[2], x[3]));
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)p, bytes);
}

JK_INLINE v8 v8_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
JK_INLINE void v8_store_f16(uint16_t *p, v8 x) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

JK_INLINE v8 v8_load_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
JK_INLINE v8 v8_load_i8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}
JK_INLINE v8 v8_load_scales(const uint8_t *p) {
    int32_t stored;
    memcpy(&stored, p, sizeof stored);
    const __m128i even = _mm_cvtsi32_si128(stored), odd = _mm_srli_epi16(even, 4);
    const __m128i indices = _mm_and_si128(_mm_unpacklo_epi8(even, odd), _mm_set1_epi8(15));
    const __m128i grid = _mm_loadu_si128((const __m128i *)(const void *)jk_scale_grid);
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_shuffle_epi8(grid, indices)));
}

// A column of double sums: rows 0-3, and rows 4-7.
typedef struct {
    __m256d low, high;
} d8;

JK_INLINE d8 d8_zero(void) { return (d8){_mm256_setzero_pd(), _mm256_setzero_pd()}; }
JK_INLINE d8 d8_add(d8 a, d8 b) { return (d8){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)}; }
JK_INLINE v8 d8_float(d8 a) { return _mm256_set_m128(_mm256_cvtpd_ps(a.high), _mm256_cvtpd_ps(a.low)); }
JK_INLINE d8 d8_add_product(d8 sum, v8 a, float b) {
    const __m256d factor = _mm256_set1_pd(b);
    sum.low = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(a)), factor, sum.low);
    sum.high = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)), factor, sum.high);
    return sum;
}

// ---------------------------------------------------------------------------------------------- for products of tiles

JK_INLINE int32_t load_four(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return four;
}
JK_INLINE __m128i load_grid(const uint8_t grid[16]) { return _mm_loadu_si128((const __m128i *)(const void *)grid); }

// Element k of row i becomes element i of row k, for 4 rows of 8 that become 8 of 4: two such rows a vector.
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
