// The nearest of NL4's codes, and entries of tables, for the x86 sets: what scalar.c's v8_nl4_nearest and v8_look_up give.
//
// Defined before: v8-avx2-inl.h, quantizers.h.
#ifndef JK_NEAREST_AVX2_INL_H
#define JK_NEAREST_AVX2_INL_H

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

JK_INLINE v8 v8_look_up(const float table[16], v8 index) {
    const v8i entry = v8_round(index);
    return v8_select(v8_less(v8_set(7.5f), index), _mm256_permutevar8x32_ps(v8_load(table + 8), entry),
                     _mm256_permutevar8x32_ps(v8_load(table), entry));
}

#endif
