// Constants that the kernels are not to see: kernels.h says why.
#include "kernels.h"

// What loses least of normal numbers.
const int8_t jk_kv_points[16] = {-127, -96, -75, -58, -44, -31, -18, -6, 6, 18, 31, 44, 58, 75, 96, 127};

#define EIGHT(x) {x, x, x, x, x, x, x, x}

_Alignas(64) const struct jk_exp_constants jk_exp_constants = {
    .most = EIGHT(88.37f),    // 127.5 ln 2 = 88.376: n stays below 128
    .least = EIGHT(-87.33f),  // -126 ln 2 = -87.337: results stay normal numbers
    .per_ln2 = EIGHT(1.44269504088896341f),
    .magic = EIGHT(12582912.0f),
    .minus_ln2_high = EIGHT(-0.693147182464599609375f),
    .minus_ln2_low = EIGHT(1.904654299957768e-9f),
    .one = EIGHT(1.0f),
    .c0 = EIGHT(0.5f),
    .c1 = EIGHT(0.166665331f),
    .c2 = EIGHT(0.0416672267f),
    .c3 = EIGHT(0.00836759713f),
    .c4 = EIGHT(0.00138651673f),
};
