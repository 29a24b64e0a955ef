// Ways through a ring of codes (CStorage.h), over the vectors of any set: which of them come nearest to the weights of a tile.
//
// A weight's index shares its lowest bits, the state, with the weight before it in the ring, so that codes are not chosen one by one:
// the best way is found by Viterbi's algorithm, for all rows of a strip at once.
//
// Defined before: the vectors (v8-*-inl.h), quantizers.h.
#ifndef JK_WAYS_INL_H
#define JK_WAYS_INL_H

enum { RING_STATES = 4 };  // at most

// The column that has the given place in the ring.
JK_INLINE size_t ring_column(size_t place) { return place % 8 * 4 + place / 8; }

// The codes of a ring type, as numbers.
JK_INLINE void ring_codes(jk_type type, float codes[16]) {
    for (int32_t i = 0; i < 16; i++) codes[i] = (float)jk_stored_code(type, i);
}

// What indices cost at a place: w x (difference)^2 less what all of them have in common, w x y^2.
typedef struct {
    v8 w, slope;  // slope: -2 w y
} ring_place;

JK_INLINE v8 ring_cost_behind(const ring_place *place, float code, v8 before) {
    return v8_fma(v8_set(code), v8_fma(place->w, v8_set(code), place->slope), before);
}

// 32 weights x times inverse, in the order of the ring.
JK_INLINE void ring_places(const v8 *x, const v8 *w, v8 inverse, ring_place places[JK_GROUP]) {
    for (size_t i = 0; i < JK_GROUP; i++) {
        const size_t c = ring_column(i);
        places[i] = (ring_place){w[c], v8_mul(v8_mul(v8_set(-2.0f), w[c]), v8_mul(x[c], inverse))};
    }
}

// The least cost of ways from states of the given costs to each state behind the last place.
JK_INLINE void ring_least_costs(int bits, const float grid[16], const ring_place places[JK_GROUP], v8 cost[RING_STATES]) {
    const int states = 1 << (4 - bits), fan = 1 << bits;
    for (size_t place = 0; place < JK_GROUP; place++) {
        v8 next[RING_STATES];
        JK_UNROLL for (int s = 0; s < states; s++) {
            // The states from which these indices go on are their lowest bits.
            next[s] = ring_cost_behind(places + place, grid[s * fan], cost[s * fan % states]);
            JK_UNROLL for (int i = s * fan + 1; i < (s + 1) * fan; i++)
                next[s] = v8_min(ring_cost_behind(places + place, grid[i], cost[i % states]), next[s]);
        }
        for (int s = 0; s < states; s++) cost[s] = next[s];
    }
}

// The same, and the way itself: its indices by columns, for each row the one to the state of least cost, or to `ends` where it is
// given.
JK_INLINE void ring_best_way(int bits, const float grid[16], const ring_place places[JK_GROUP], v8 cost[RING_STATES],
                             const int ends[8], int32_t stored[JK_GROUP][8]) {
    const int states = 1 << (4 - bits), fan = 1 << bits;
    float indices[JK_GROUP][RING_STATES][8];
    for (size_t place = 0; place < JK_GROUP; place++) {
        v8 next[RING_STATES];
        JK_UNROLL for (int s = 0; s < states; s++) {
            v8 best = ring_cost_behind(places + place, grid[s * fan], cost[s * fan % states]), index = v8_set((float)(s * fan));
            JK_UNROLL for (int i = s * fan + 1; i < (s + 1) * fan; i++) {
                const v8 other = ring_cost_behind(places + place, grid[i], cost[i % states]), less = v8_less(other, best);
                best = v8_select(less, other, best);
                index = v8_select(less, v8_set((float)i), index);
            }
            next[s] = best;
            v8_store(indices[place][s], index);
        }
        for (int s = 0; s < states; s++) cost[s] = next[s];
    }
    float last[RING_STATES][8];
    for (int s = 0; s < states; s++) v8_store(last[s], cost[s]);
    int state[8];
    for (size_t r = 0; r < 8; r++) {
        state[r] = ends ? ends[r] : 0;
        for (int s = 1; !ends && s < states; s++) state[r] = last[s][r] < last[state[r]][r] ? s : state[r];
    }
    for (size_t place = JK_GROUP; place-- > 0;)
        for (size_t r = 0; r < 8; r++) {
            const int32_t index = (int32_t)indices[place][state[r]][r];
            stored[ring_column(place)][r] = index;
            state[r] = index & (states - 1);
        }
}

// The least cost of any way for 32 weights x times inverse.
JK_INLINE v8 ring_least_cost(jk_type type, const v8 *x, const v8 *w, v8 inverse) {
    const int bits = jk_ring_bits(type), states = 1 << (4 - bits);
    float grid[16];
    ring_codes(type, grid);
    ring_place places[JK_GROUP];
    ring_places(x, w, inverse, places);
    v8 cost[RING_STATES];
    for (int s = 0; s < states; s++) cost[s] = v8_set(0.0f);
    ring_least_costs(bits, grid, places, cost);
    for (int s = 1; s < states; s++) cost[0] = v8_min(cost[s], cost[0]);
    return cost[0];
}

// The best way for 32 weights x times inverse.
//
// - closed: whether it has to end in the state in which it began, as ways that are stored do.
JK_INLINE void ring_nearest(jk_type type, const v8 *x, const v8 *w, v8 inverse, bool closed, v8 *codes,
                            int32_t stored[JK_GROUP][8]) {
    const int bits = jk_ring_bits(type), states = 1 << (4 - bits);
    float grid[16];
    ring_codes(type, grid);
    ring_place places[JK_GROUP];
    ring_places(x, w, inverse, places);
    // From which state each row's way begins: the others are put out of reach.
    const v8 zero = v8_set(0.0f), far = v8_set(1e30f);
    v8 cost[RING_STATES], least = zero, start = zero;
    for (int from = 0; closed && from < states; from++) {
        for (int s = 0; s < states; s++) cost[s] = s == from ? zero : far;
        ring_least_costs(bits, grid, places, cost);
        const v8 less = from == 0 ? v8_less(zero, far) : v8_less(cost[from], least);
        least = v8_select(less, cost[from], least);
        start = v8_select(less, v8_set((float)from), start);
    }
    float starts[8];
    int ends[8];
    v8_store(starts, start);
    for (size_t r = 0; r < 8; r++) ends[r] = (int)starts[r];
    for (int s = 0; s < states; s++) {
        float lanes[8];
        for (size_t r = 0; r < 8; r++) lanes[r] = !closed || s == ends[r] ? 0.0f : 1e30f;
        cost[s] = v8_load(lanes);
    }
    ring_best_way(bits, grid, places, cost, closed ? ends : NULL, stored);
    for (size_t c = 0; c < JK_GROUP; c++) {
        float lanes[8];
        for (size_t r = 0; r < 8; r++) lanes[r] = grid[stored[c][r]];
        codes[c] = v8_load(lanes);
    }
}

#endif
