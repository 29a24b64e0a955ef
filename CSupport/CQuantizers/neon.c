// The quantizers for every 64-bit ARM processor.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "quantizers.h"
#include "v8-neon-inl.h"

// The index counts the midpoints at or below x. Its byte looks up the code, whose sign then fills the lane.
JK_INLINE float32x4_t half_nearest(float32x4_t x, int32x4_t *index) {
    int32x4_t found = vdupq_n_s32(0);
    JK_UNROLL for (int i = 0; i < 15; i++) {
        const float32x4_t midpoint = vdupq_n_f32((nl4_codes[i] + nl4_codes[i + 1]) / 2);
        found = vsubq_s32(found, vreinterpretq_s32_u32(vcgeq_f32(x, midpoint)));
    }
    *index = found;
    const int8x16_t codes = vqtbl1q_s8(load_codes(jk_nl4_grid), vreinterpretq_u8_s32(found));
    return vcvtq_f32_s32(vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_s8(codes), 24), 24));
}

JK_INLINE v8 v8_nl4_nearest(v8 x, v8i *index) {
    return (v8){half_nearest(x.low, &index->low), half_nearest(x.high, &index->high)};
}

JK_INLINE v8 v8_look_up(const float table[16], v8 index) {
    float entries[8];
    v8_store(entries, index);
    for (size_t r = 0; r < 8; r++) entries[r] = table[(int32_t)entries[r]];
    return v8_load(entries);
}

#include "encode-inl.h"
#include "refine-inl.h"

JK_QUANTIZER_TABLE(neon)
#endif
