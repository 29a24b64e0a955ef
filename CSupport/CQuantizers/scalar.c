// The quantizers in plain C, which every other set equals bit for bit.
#include "quantizers.h"
#include "v8-scalar-inl.h"

// The index of the nearest code is the number of midpoints at or below x; a midpoint belongs to the code above it.
JK_INLINE v8 v8_nl4_nearest(v8 x, v8i *index) {
    v8 code;
    EACH_LANE {
        int32_t k = 0;
        for (int j = 0; j < 15; j++) k += x.lane[i] >= (nl4_codes[j] + nl4_codes[j + 1]) / 2;
        index->lane[i] = k;
        code.lane[i] = nl4_codes[k];
    }
    return code;
}

// Entries of a table of 16, by whole numbers.
JK_INLINE v8 v8_look_up(const float table[16], v8 index) {
    v8 entry;
    EACH_LANE entry.lane[i] = table[(int32_t)index.lane[i]];
    return entry;
}

#include "encode-inl.h"
#include "refine-inl.h"

JK_QUANTIZER_TABLE(scalar)
