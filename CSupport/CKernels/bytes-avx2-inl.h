// Vectors of 32 bytes, a strip's plane, for the sets whose products of tiles take 256 bits.
//
// Defined before: v8-avx2-inl.h.
#ifndef JK_BYTES_AVX2_INL_H
#define JK_BYTES_AVX2_INL_H

typedef __m256i vb;

JK_INLINE vb vb_load_whole(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
JK_INLINE vb vb_load(const uint8_t *p, size_t beside) { return (void)beside, vb_load_whole(p); }
JK_INLINE void vb_store_whole(uint8_t *p, vb x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
JK_INLINE vb vb_set(int32_t x) { return _mm256_set1_epi32(x); }
JK_INLINE vb vb_broadcast(const int8_t *p) { return vb_set(load_four(p)); }
JK_INLINE vb vb_xor(vb a, vb b) { return _mm256_xor_si256(a, b); }
JK_INLINE vb vb_and(vb a, vb b) { return _mm256_and_si256(a, b); }
JK_INLINE vb vb_or(vb a, vb b) { return _mm256_or_si256(a, b); }
JK_INLINE vb vb_shift_right(vb a, int count) { return _mm256_srli_epi16(a, count); }
JK_INLINE vb vb_shift_left(vb a, int count) { return _mm256_slli_epi16(a, count); }
JK_INLINE vb vb_add_bytes(vb a, vb b) { return _mm256_add_epi8(a, b); }
JK_INLINE vb vb_shuffle(vb table, vb index) { return _mm256_shuffle_epi8(table, index); }
JK_INLINE vb vb_rotate(vb a) {
    return vb_shuffle(a, _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)));
}
JK_INLINE vb vb_grid(const uint8_t grid[16]) { return _mm256_broadcastsi128_si256(load_grid(grid)); }

#endif
