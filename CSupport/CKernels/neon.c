// The kernels for every 64-bit ARM processor.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels.h"
#include "v8-neon-inl.h"
#include "tiles-inl.h"

// Dword `lane` in all lanes; `lane` is a constant to the compiler, but not in the language.
JK_INLINE int8x16_t spread_codes(int8x16_t codes, int lane) {
    const int32x4_t dwords = vreinterpretq_s32_s8(codes);
    switch (lane) {
        case 0: return vreinterpretq_s8_s32(vdupq_laneq_s32(dwords, 0));
        case 1: return vreinterpretq_s8_s32(vdupq_laneq_s32(dwords, 1));
        case 2: return vreinterpretq_s8_s32(vdupq_laneq_s32(dwords, 2));
        default: return vreinterpretq_s8_s32(vdupq_laneq_s32(dwords, 3));
    }
}

// A pair of products is at most 2 x 128 x 127 = 32512, within int16.
JK_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t codes, int lane) {
    const int8x16_t x = spread_codes(codes, lane);
    const int16x8_t rows_0 = vmull_s8(vget_low_s8(w), vget_low_s8(x)), rows_2 = vmull_high_s8(w, x);
    return vpadalq_s16(sum, vpaddq_s16(rows_0, rows_2));
}

#include "neon-inl.h"

#include "attention-neon-inl.h"

#include "attention-inl.h"
#include "attention-tiles-inl.h"
#include "attention-codes-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

JK_TABLE(neon)
#endif
