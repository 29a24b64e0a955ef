// add_products of neon-inl.h by the dot product instructions, for neon_dot.c and neon_i8mm.c.
#ifndef JK_DOT_NEON_INL_H
#define JK_DOT_NEON_INL_H

// `lane` is a constant to the compiler, but not in the language.
JK_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t codes, int lane) {
    switch (lane) {
        case 0: return vdotq_laneq_s32(sum, w, codes, 0);
        case 1: return vdotq_laneq_s32(sum, w, codes, 1);
        case 2: return vdotq_laneq_s32(sum, w, codes, 2);
        default: return vdotq_laneq_s32(sum, w, codes, 3);
    }
}

#endif
