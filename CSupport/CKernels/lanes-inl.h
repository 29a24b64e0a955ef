// Vectors of which only the first lanes count, over the vectors of any set.
//
// Defined before: the vectors (v8-*-inl.h).
#ifndef JK_LANES_INL_H
#define JK_LANES_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

// The first `n` lanes from memory and the rest `fill`; all 8 when n >= 8.
JK_INLINE v8 v8_load_first(const float *p, size_t n, float fill) {
    if (n >= 8) return v8_load(p);
    float lanes[8];
    for (size_t i = 0; i < 8; i++) lanes[i] = i < n ? p[i] : fill;
    return v8_load(lanes);
}

JK_INLINE void v8_store_first(float *p, size_t n, v8 x) {
    if (n >= 8) {
        v8_store(p, x);
        return;
    }
    float lanes[8];
    v8_store(lanes, x);
    for (size_t i = 0; i < n; i++) p[i] = lanes[i];
}

// The first `n` lanes of x, the rest 0; all 8 when n >= 8.
JK_INLINE v8 v8_keep_first(v8 x, size_t n) {
    static const float lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return v8_select(v8_less(v8_load(lanes), v8_set((float)n)), x, v8_set(0.0f));
}

#endif
