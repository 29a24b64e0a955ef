// Activations as int8 codes: the specification of `quantize`, over the vectors of any set.
//
// Tests/KernelTests compares it with the definition in plain Swift (VectorTests).
// Defined before: the vectors (v8-*-inl.h), kernels.h.
#ifndef JK_QUANTIZE_INL_H
#define JK_QUANTIZE_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

// scale = max|x| / 127, code = round-to-even(x * (127 / max|x|)), a group of 32 at a time.
static void quantize(const float *x, int8_t *codes, float *scales, int32_t *offsets, size_t groups) {
    for (size_t g = 0; g < groups; g++, x += JK_GROUP, codes += JK_GROUP) {
        v8 lanes[4];
        v8 largest = v8_set(0.0f), poison = v8_set(0.0f);
        for (int i = 0; i < 4; i++) {
            lanes[i] = v8_load(x + 8 * i);
            largest = v8_max(v8_abs(lanes[i]), largest);
            poison = v8_fma(lanes[i], v8_set(0.0f), poison);  // 0 unless there is an infinity or a NaN
        }
        float maximum = v8_maximum(largest);
        float inverse = 127.0f / maximum;
        bool finite = v8_sum(poison) == 0.0f;
        // Below 127 / FLT_MAX the inverse overflows; such a group is zero as far as any sum is concerned.
        if (!finite || !(inverse <= FLT_MAX)) {
            scales[g] = finite ? 0.0f : NAN;
            offsets[g] = 0;
            memset(codes, 0, JK_GROUP);
            continue;
        }
        v8i rounded[4];
        for (int i = 0; i < 4; i++) rounded[i] = v8_round(v8_mul(lanes[i], v8_set(inverse)));
        v8i_pack(codes, rounded);
        scales[g] = maximum / 127.0f;
        offsets[g] = -64 * v8i_sum(v8i_add(v8i_add(rounded[0], rounded[1]), v8i_add(rounded[2], rounded[3])));
    }
}

#endif
