// The kernels for 64-bit ARM with the dot product instructions (FEAT_DotProd: optional from ARMv8.2 on).
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels.h"

#if defined(__clang__)
JK_BEGIN_TARGET("dotprod")
#else
JK_BEGIN_TARGET("arch=armv8.2-a+dotprod")
#endif

#include "v8-neon-inl.h"
#include "tiles-inl.h"

// `lane` is a constant to the compiler, but not in the language.
JK_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t codes, int lane) {
    switch (lane) {
        case 0: return vdotq_laneq_s32(sum, w, codes, 0);
        case 1: return vdotq_laneq_s32(sum, w, codes, 1);
        case 2: return vdotq_laneq_s32(sum, w, codes, 2);
        default: return vdotq_laneq_s32(sum, w, codes, 3);
    }
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

JK_TABLE(neon_dot)

JK_END_TARGET
#endif
