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

// What the steps of a tile's ways cost, by columns and indices.
typedef struct {
    v8 cost[JK_GROUP][16];
} ring_steps;

// The ways that begin in one state, or in any: the cheapest to each state behind the last place, and by which indices they go.
typedef struct {
    v8 cost[RING_STATES];
    float index[JK_GROUP][RING_STATES][8];
} ring_ways;

// - start: the state in which all ways begin; RING_STATES: any.
JK_INLINE void ring_find_ways(int bits, const ring_steps *steps, int start, ring_ways *ways) {
    const int states = 1 << (4 - bits), fan = 1 << bits;
    for (int s = 0; s < states; s++) ways->cost[s] = v8_set(start == RING_STATES || s == start ? 0.0f : 1e30f);
    for (size_t place = 0; place < JK_GROUP; place++) {
        const v8 *cost = steps->cost[ring_column(place)];
        v8 next[RING_STATES];
        JK_UNROLL for (int s = 0; s < states; s++) {
            // The states from which these indices go on are their lowest bits.
            v8 best = v8_add(ways->cost[(s * fan) % states], cost[s * fan]), index = v8_set((float)(s * fan));
            JK_UNROLL for (int i = s * fan + 1; i < (s + 1) * fan; i++) {
                const v8 other = v8_add(ways->cost[i % states], cost[i]), less = v8_less(other, best);
                best = v8_select(less, other, best);
                index = v8_select(less, v8_set((float)i), index);
            }
            next[s] = best;
            v8_store(ways->index[place][s], index);
        }
        for (int s = 0; s < states; s++) ways->cost[s] = next[s];
    }
}

// The indices of row `r` on the way that ends in `state`, by columns.
JK_INLINE void ring_walk_back(int bits, const ring_ways *ways, size_t r, int state, int32_t stored[JK_GROUP][8]) {
    for (size_t place = JK_GROUP; place-- > 0;) {
        const int32_t index = (int32_t)ways->index[place][state][r];
        stored[ring_column(place)][r] = index;
        state = index & ((1 << (4 - bits)) - 1);
    }
}

// The best way for 32 weights x times inverse, by the sum of w x (difference)^2.
//
// - closed: whether it has to end in the state in which it began, as ways that are stored do. Those that do not have to are
//   found in a fraction of the time, and are hardly better.
JK_INLINE void ring_nearest(jk_type type, const v8 *x, const v8 *w, v8 inverse, bool closed, v8 *codes,
                            int32_t stored[JK_GROUP][8]) {
    const int bits = jk_ring_bits(type), states = 1 << (4 - bits);
    float grid[16];
    ring_codes(type, grid);
    ring_steps steps;
    for (size_t c = 0; c < JK_GROUP; c++) {
        const v8 y = v8_mul(x[c], inverse);
        JK_UNROLL for (int i = 0; i < 16; i++) {
            const v8 difference = v8_sub(y, v8_set(grid[i]));
            steps.cost[c][i] = v8_mul(v8_mul(difference, difference), w[c]);
        }
    }
    ring_ways ways;
    float least[8], cost[RING_STATES][8];
    for (int start = closed ? 0 : RING_STATES; start < (closed ? states : RING_STATES + 1); start++) {
        ring_find_ways(bits, &steps, start, &ways);
        for (int s = 0; s < states; s++) v8_store(cost[s], ways.cost[s]);
        for (size_t r = 0; r < 8; r++) {
            int end = closed ? start : 0;
            for (int s = 1; !closed && s < states; s++) end = cost[s][r] < cost[end][r] ? s : end;
            if (closed && start > 0 && !(cost[end][r] < least[r])) continue;
            least[r] = cost[end][r];
            ring_walk_back(bits, &ways, r, end, stored);
        }
    }
    for (size_t c = 0; c < JK_GROUP; c++) {
        float lanes[8];
        for (size_t r = 0; r < 8; r++) lanes[r] = grid[stored[c][r]];
        codes[c] = v8_load(lanes);
    }
}

#endif
